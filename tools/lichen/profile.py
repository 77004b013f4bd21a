"""`./lichen profile NAME`: where the instructions of one operation go, function by function.

QEMU names every instruction it executes, for a stretch of a loop of tests/bench that does
nothing else. The loop's own program is counted too, and its label tells how often it came by.
"""

import bisect
import collections
import contextlib
import os
import pathlib
import re
import select
import socket
import subprocess
import tempfile

from . import base, bench, build, guest, symbols, vm

OPERATIONS = [name for name in bench.FIGURES if name not in ("await", "thread")]
FOR_EVER = "1000000000"
INSTRUCTIONS = 400000       # how long a stretch
SETTLE = 50000              # of them passed over first: the loop begins, the caches of QEMU fill
PATIENCE = 60               # seconds for the next instruction
PC = re.compile(rb"\[[0-9a-f]+/([0-9a-f]+)/")
ROUND = "bench_round"


def add_options(parser):
    parser.add_argument("name")
    parser.add_argument("--addresses", action="store_true")


def one_at_a_time():
    """QEMU's option to make every instruction a step of its own; its name has changed."""
    text = base.run([vm.QEMU, "--version"], "QEMU").decode()
    major = int(re.search(r"version (\d+)", text).group(1))
    return ["-singlestep"] if major < 8 else ["-accel", "tcg,one-insn-per-tb=on"]


def read_all_symbols():
    """(addresses, names) of the kernel's and the program's code, sorted."""
    found = []
    for elf in ("lichen.elf", "guest/bench"):
        found += zip(*symbols.read_symbols(base.build_dir() / elf))
    found.sort()
    return [address for address, _ in found], [name for _, name in found]


class Sampled(Exception):
    """Enough instructions were counted: the guest is of no more use."""


class Sampler:
    """A sink for the program's output: when it says that its loop begins, QEMU's log is
    switched on and counted."""

    def __init__(self, scratch):
        self.monitor, self.pipe = scratch / "monitor", scratch / "trace"
        self.counts = collections.Counter()
        os.mkfifo(self.pipe)
        self.said = b""

    def write(self, data):
        self.said += data
        if b"\n" in self.said and not self.counts:
            self.sample()

    def flush(self):
        """There is nothing to flush."""

    def sample(self):
        trace = os.open(self.pipe, os.O_RDONLY | os.O_NONBLOCK)
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.monitor))
            monitor.sendall(f"logfile {self.pipe}\nlog exec,nochain\n".encode())
            self.count(trace)
            os.close(trace)
        raise Sampled

    def count(self, trace):
        left, seen = b"", 0
        while seen < SETTLE + INSTRUCTIONS:
            if not select.select([trace], [], [], PATIENCE)[0]:
                raise base.Failure("profile: QEMU names no instructions")
            data = left + os.read(trace, 1 << 20)
            data, _, left = data.rpartition(b"\n")
            found = PC.findall(data)
            if seen >= SETTLE:
                self.counts.update(found)
            seen += len(found)


def sample(name):
    """{address: how often} over a stretch of the loop."""
    program = base.build_dir() / "guest/bench"
    argv = [bench.PROGRAM, "-k", name, "-n", FOR_EVER]
    job = guest.Job(argv, put=[(program, bench.PROGRAM)], timeout=bench.LIMIT)
    machine = bench.machine_for("lichen")
    with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
        scratch = pathlib.Path(folder)
        sampler = Sampler(scratch)
        session = guest.Session(job, sampler, sampler, machine)
        command = guest.boot_command(machine, job, scratch) + one_at_a_time() + [
            "-chardev", f"socket,id=asked,path={sampler.monitor},server=on,wait=off",
            "-mon", "asked"]
        with contextlib.suppress(Sampled), \
                guest.running(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as qemu:
            guest.watch(qemu, session, None)
        if not sampler.counts:
            raise base.Failure("profile: the loop did not begin: "
                               + sampler.said.decode(errors="replace").strip())
    return {int(address, 16): n for address, n in sampler.counts.items()}


def by_function(counts, addresses, names):
    """(instructions by function, calls by function, rounds)."""
    spent, calls, rounds = collections.Counter(), collections.Counter(), 0
    labels = {address for address, name in zip(addresses, names) if name.startswith(ROUND)}
    functions = [(a, n) for a, n in zip(addresses, names) if not n.startswith(ROUND)]
    starts = [address for address, _ in functions]
    for address, n in counts.items():
        at = bisect.bisect_right(starts, address) - 1
        name = functions[at][1] if at >= 0 else "?"
        spent[name] += n
        if at >= 0 and starts[at] == address:
            calls[name] += n
        if address in labels:
            rounds += n
    return spent, calls, rounds


def show_addresses(counts, addresses, names, rounds):
    """Each instruction's share, in order, for reading beside a disassembly."""
    for address in sorted(counts):
        at = bisect.bisect_right(addresses, address) - 1
        print(f"{counts[address] / rounds:8.2f}  {address:016x}  "
              f"{names[at]}+{address - addresses[at]:#x}")


def main(args):
    if args.name not in OPERATIONS:
        raise base.Usage(f"profile: there is no {args.name}; there are: " + " ".join(OPERATIONS))
    build.ensure(["lichen.Image", "guest-init", "guest-bench"])
    counts = sample(args.name)
    addresses, names = read_all_symbols()
    spent, calls, rounds = by_function(counts, addresses, names)
    if not rounds:
        raise base.Failure("profile: the loop never came by")
    if args.addresses:
        show_addresses(counts, addresses, names, rounds)
        return 0
    print(f"{'instructions':>12}{'calls':>9}   of {sum(spent.values()) / rounds:.0f} a round")
    for name, n in spent.most_common():
        if n / rounds >= 0.05:
            print(f"{n / rounds:12.1f}{calls[name] / rounds:9.2f}   {name}")
    return 0
