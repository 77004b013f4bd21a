"""`./lichen matrix`: our kernel on every kind of machine it is meant for.

Each boot runs one command that looks at the machine. The machines are chosen so that every
value of every property occurs, and every pair of interrupt controller, entry level and CPU.
"""

import io
import itertools

from . import base, build, guest, vm

SMP = (1, 2, 8)
MEM = ("256M", "4G")
GIC = (2, 3)
LIMIT = 120


def machines():
    """The covering set: a dozen."""
    for i, (gic, el2, cpu) in enumerate(itertools.product(GIC, (False, True), vm.CPUS)):
        yield vm.Machine(gic=gic, el2=el2, cpu=cpu, smp=SMP[(i + i // 3) % 3],
                         mem=MEM[(i + i // 2) % 2])


def name(machine):
    return (f"gic{machine.gic} el{2 if machine.el2 else 1} {machine.cpu} "
            f"smp{machine.smp} {machine.mem}")


def megabytes(size):
    return int(size[:-1]) * (1024 if size.endswith("G") else 1)


def check(machine, text):
    """What is wrong with the program's answer: None if nothing is."""
    found = dict(line.split(None, 1) for line in text.splitlines() if " " in line)
    if found.get("cpus") != str(machine.smp):
        return f"{found.get('cpus', 'no')} CPUs"
    if found.get("ran-on") != str(machine.smp):
        return f"threads ran on {found.get('ran-on', 'no')} CPUs"
    memory = int(found.get("memory", "0"))
    if not 0.85 * megabytes(machine.mem) < memory <= megabytes(machine.mem):
        return f"{memory} MiB of memory"
    return None if "well" in found else "the program did not end well"


def try_one(machine):
    out = io.BytesIO()
    program = base.build_dir() / "guest/machine"
    job = guest.Job(argv=["/machine"], put=[(program, "/machine")], cwd="/", timeout=LIMIT)
    try:
        status = guest.run(machine, job, out=out)
    except base.Failure as failure:
        return str(failure)
    if status:
        return f"status {status}"
    return check(machine, out.getvalue().decode(errors="replace"))


def add_options(parser):
    parser.add_argument("-k", dest="name", metavar="WORD", default="")


def main(args):
    build.for_kernel("lichen")
    build.ensure(["guest-machine"])
    chosen = [machine for machine in machines() if args.name in name(machine)]
    if not chosen:
        raise base.Usage(f"matrix: no machine is named like {args.name}")
    bad = 0
    for machine in chosen:
        error = try_one(machine)
        bad += error is not None
        print(f"FAIL {name(machine)}: {error}" if error else f"ok {name(machine)}", flush=True)
    print(f"{len(chosen) - bad} of {len(chosen)} as expected")
    return 1 if bad else 0
