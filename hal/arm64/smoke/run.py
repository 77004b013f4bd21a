#!/usr/bin/env python3
"""run.py IMAGE [--all] [-k WORD]: boot the smoke test on many machines.

Without --all, a dozen machines in which every value of every axis, and every pair of
controller, level and CPU, occurs; with it all 72. A good boot ends with SMOKE OK. Then the
kernel is broken in several ways, each of which it must report.
"""

import itertools
import subprocess
import sys
import threading

GIC, LEVEL, CPU, SMP, MEM = (2, 3), (1, 2), ("cortex-a72", "cortex-a76", "max"), (1, 2, 8), \
    ("256M", "4G")


# How to break the kernel, and what it must say.
DEATHS = {"read": "data abort, esr 96000004 far 0000000000000008",
          "text": "data abort, esr 9600004f", "exec": "instruction abort, esr 8600000f",
          "trap": "breakpoint or trap", "user": "data abort, esr 9600000f far 0000000000500000",
          "twice": "fault while reporting a fault"}


def machines(everything):
    if everything:
        yield from itertools.product(GIC, LEVEL, CPU, SMP, MEM)
        return
    for i, (gic, level, cpu) in enumerate(itertools.product(GIC, LEVEL, CPU)):
        yield gic, level, cpu, SMP[(i + i // 3) % 3], MEM[(i + i // 2) % 2]


def command(image, gic, level, cpu, smp, mem, line="smoke test"):
    machine = f"virt,gic-version={gic}" + (",virtualization=on" if level == 2 else "")
    return ["qemu-system-aarch64", "-M", machine, "-cpu", cpu, "-smp", str(smp), "-m", mem,
            "-nodefaults", "-display", "none", "-serial", "stdio", "-kernel", image,
            "-append", line] + (["-initrd", image] if mem == "4G" else [])


def boot(words, want="SMOKE OK", limit=60):
    """None, or what went wrong."""
    guest = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    deadline = threading.Timer(limit, guest.kill)
    deadline.start()
    text = ""
    for line in guest.stdout:
        line = line.decode(errors="replace")
        text += line
        if line.startswith("type ping"):
            guest.stdin.write(b"ping")
            guest.stdin.flush()
        if "end of panic" in line or want in line:
            guest.kill()
    guest.wait()
    deadline.cancel()
    return None if want in text else text


def runs(image, everything):
    """Name, command and wanted line of each boot."""
    for machine in machines(everything):
        yield "gic{} el{} {} smp{} {}".format(*machine), command(image, *machine), "SMOKE OK"
    for how, want in DEATHS.items():
        yield f"die={how}", command(image, 3, 1, "max", 1, "256M", f"die={how}"), want


def main(arguments):
    if not arguments or arguments[0].startswith("-"):
        sys.exit(__doc__)
    image, rest = arguments[0], arguments[1:]
    word = rest[rest.index("-k") + 1] if "-k" in rest else ""
    bad = count = 0
    for name, words, want in runs(image, "--all" in rest):
        if word not in name:
            continue
        count += 1
        error = boot(words, want)
        print("ok  " if error is None else "FAIL", name, flush=True)
        if error is not None:
            bad += 1
            print(error)
            print("   ", " ".join(words))
    print(f"{count - bad} of {count} as expected")
    return 1 if bad or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
