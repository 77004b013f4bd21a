"""`./lichen bench`: what operations cost, ours beside Linux's from the same QEMU.

Under `--icount` a nanosecond of the guest's clock is one instruction, so figures repeat.
"""

import io
import os
import pathlib
import re
import tempfile
import time

from . import base, build, guest, rootfs, vm

PROGRAM = "/bench"
LIMIT = 1200                # seconds a run may take
LINUX_SETTLES = "20"        # guest seconds until Linux's boot work is over
MAX_IMAGE = 3 << 19         # 1.5 MiB

# name in the program's output: what it is, its unit, what we aim for
FIGURES = {
    "await": ("a completed await", "instructions", 25),
    "syscall": ("a null system call", "instructions", 150),
    "yield": ("a yield between two processes", "instructions", 500),
    "switch_few": ("a switch while 10 threads can run", "instructions", ""),
    "switch_many": ("a switch while 10,000 threads can run", "instructions", ""),
    "pipe": ("a pipe round trip between two processes", "instructions", 4000),
    "socket": ("a socketpair round trip between two processes", "instructions", 5000),
    "fork": ("fork, exit, wait", "instructions", 60000),
    "spawn_static": ("posix_spawn of a static program, wait", "instructions", 280000),
    "spawn_dynamic": ("posix_spawn of a dynamic program, wait", "instructions", 430000),
    "fault_zero": ("first write to an anonymous page", "instructions", 1500),
    "fault_file": ("first read of a mapped page in memory", "instructions", 330),
    "fault_copy": ("first write to a page a child has, too", "instructions", 2000),
    "futex": ("a futex round trip between two threads", "instructions", ""),
    "read": ("pread of 4 KiB in the page cache", "instructions", ""),
    "open": ("open and close", "instructions", ""),
    "stat": ("stat", "instructions", ""),
    "ring_nop": ("a request of a ring that does nothing", "instructions", ""),
    "ring_nops": ("the same, 32 at once, each", "instructions", ""),
    "ring_read": ("a request reads from a pipe that has a byte", "instructions", ""),
    "ring_reads": ("the same, 32 at once, each", "instructions", ""),
    "ring_wait": ("a request reads from a pipe that gets one later", "instructions", ""),
    "ring_waits": ("the same, 32 at once, each", "instructions", ""),
    "thread": ("kernel memory per thread blocked in a futex", "bytes", 2048),
}
PROGRAMS = {
    "true": "100 times /bin/true",
    "subshell": "100 subshells of bash",
    "substitution": "100 times x=$(echo)",
    "pipeline": "50 times echo | cat | cat",
    "xargs": "xargs -P 2 over 100 commands",
    "perl_fork": "perl forks 100 times",
    "find": "find /usr",
    "ls": "ls -lR /usr/share",
    "grep": "grep -r root /etc",
    "create": "300 files made and removed",
    "tar": "tar of /usr/share/doc",
    "untar": "the same unpacked and removed",
    "copy": "20 MB written, copied, compared",
    "pipe": "20 MB through two pipes",
    "gzip": "gzip -9 of bash, and gzip -d",
    "sort": "sort of 100,000 lines",
    "md5sum": "md5sum of half of /usr/bin",
    "awk": "awk counts to 300,000",
}
DISK = {
    "create": "3,000 files made",
    "remove": "3,000 files made and removed",
    "write": "200 MB written to a new file",
    "rewrite": "160 MB written over it in pieces of 4 KiB",
    "append": "5,000 lines appended, a file opened for each",
    "fsync": "1,500 times 4 KiB, each waited for",
    "untar": "/usr/share and /usr/bin packed, unpacked, removed",
    "rename": "a file renamed 15,000 times",
    "cold": "200 MB read from the disk",
}
DISK_SIZE = 1 << 30
STARTUP_RUNS = 3
STARTUP_AIM = 0.5


def capture(machine, argv, put=()):
    """The standard output of one job that must succeed."""
    out, err = io.BytesIO(), io.BytesIO()
    status = guest.run(machine, guest.Job(argv, put=list(put), timeout=LIMIT), out, err)
    if status:
        raise base.Failure(f"bench: {argv[0]} on {machine.kernel} ended with status {status}: "
                           + err.getvalue().decode(errors="replace").strip())
    return out.getvalue().decode()


def machine_for(kernel, disks=()):
    append = "mitigations=off" if kernel == "linux" else ""
    return vm.Machine(kernel=kernel, smp=1, mem="4G", icount=True, append=append, disks=disks,
                      root=rootfs.find("debian"))       # its /bin/true is run


def measure(kernel, only=None):
    """The program's figures on one kernel, by name."""
    program = base.build_dir() / "guest/bench"
    argv = [PROGRAM] + (["-k", only] if only else [])
    if kernel == "linux":
        argv += ["-i", LINUX_SETTLES]
    text = capture(machine_for(kernel), argv, [(program, PROGRAM)])
    return {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)$", text, re.M)}


def measure_script(machine, name, known):
    """What a script of tests/bench measures, in thousands of instructions, by name."""
    script = base.SOURCE / "tests/bench" / name
    text = capture(machine, ["/bin/bash", f"/{name}"], [(script, f"/{name}")])
    found = {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)$", text, re.M)}
    if found.keys() != known.keys():
        raise base.Failure(f"bench: {name} measures " + " ".join(found))
    return found


def measure_programs(kernel):
    """Real programs."""
    return measure_script(machine_for(kernel), "programs.sh", PROGRAMS)


def measure_disk(kernel):
    """The same on a file system of a disk, made as mke2fs does."""
    with tempfile.NamedTemporaryFile(prefix="lichen-") as disk:
        disk.truncate(DISK_SIZE)
        base.run(["mke2fs", "-q", "-F", "-t", "ext4", disk.name], "making a disk",
                 env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))
        machine = machine_for(kernel, ((pathlib.Path(disk.name), True),))
        return measure_script(machine, "disk.sh", DISK)


def show_programs(names, ours, linux):
    row("", "Lichen", "Linux", "ratio", "")
    for name, what in names.items():
        ratio = f"{ours[name] / linux[name]:.2f}" if ours and linux else ""
        row(what, ours.get(name, "-"), linux.get(name, "-"), ratio, "thousand instructions")


def measure_await():
    """A kernel of its own, which only awaits and prints what one costs."""
    image = base.build_dir() / "await_bench.Image"
    argv = [vm.QEMU, "-M", "virt,gic-version=3", "-cpu", "cortex-a76", "-m", "256M",
            "-display", "none", "-nic", "none", "-monitor", "none", "-serial", "stdio",
            "-icount", "shift=0,sleep=off", "-kernel", str(image)]
    text = base.run(argv, "the await kernel", timeout=LIMIT).decode()
    return {name: int(value) for name, value in re.findall(r"^(await) (\d+)\s*$", text, re.M)}


def startup(kernel, root):
    """Wall seconds from QEMU's start to a first command's end, the best of a few."""
    machine = vm.Machine(kernel=kernel, root=root)
    times = []
    for _ in range(STARTUP_RUNS):
        start = time.monotonic()
        capture(machine, ["/bin/echo", "up"])
        times.append(time.monotonic() - start)
    return min(times)


def row(what, ours, linux, aim, unit):
    print(f"{what:<48}{ours:>12}{linux:>12}{aim:>10}  {unit}")


def add_options(parser):
    parser.add_argument("what", nargs="?", choices=("operations", "programs", "disk"),
                        default="operations")
    parser.add_argument("-k", dest="name", metavar="NAME")
    parser.add_argument("--kernel", default="both", choices=("lichen", "linux", "both"))


def show(ours, linux):
    row("", "Lichen", "Linux", "aim", "")
    for name, (what, unit, aim) in FIGURES.items():
        if name in ours or name in linux:
            row(what, ours.get(name, "-"), linux.get(name, "-"), aim, unit)


def programs(args, names, measured):
    if args.name:
        raise base.Usage(f"bench {args.what}: -k is for operations")
    build.ensure(["lichen.Image", "guest-init"], shown=True)
    show_programs(names, *({} if args.kernel not in (kernel, "both") else measured(kernel)
                           for kernel in ("lichen", "linux")))
    return 0


def main(args):
    if args.what == "programs":
        return programs(args, PROGRAMS, measure_programs)
    if args.what == "disk":
        return programs(args, DISK, measure_disk)
    if args.name and args.name not in FIGURES:
        raise base.Usage(f"bench: there is no {args.name}; there are: " + " ".join(FIGURES))
    build.ensure(["lichen.Image", "guest-init", "guest-bench", "await_bench"], shown=True)
    ours, linux = {}, {}
    if args.kernel != "linux" and args.name in (None, "await"):
        ours = measure_await()
    if args.kernel != "linux" and args.name != "await":
        ours.update(measure("lichen", args.name))
    if args.kernel != "lichen" and args.name != "await":
        linux = measure("linux", args.name)
    show(ours, linux)
    if args.name or args.kernel != "both":
        return 0
    root = rootfs.find("debian")
    mine, theirs = startup("lichen", root), startup("linux", root)
    row("QEMU's start to a command's end", f"{mine:.2f}", f"{theirs:.2f}", "", "s")
    row("  as a ratio to Linux's", f"{mine / theirs:.2f}", "1", STARTUP_AIM, "")
    size = (base.build_dir() / "lichen.Image").stat().st_size
    row("the kernel's image", size, "-", MAX_IMAGE, "bytes")
    return 0
