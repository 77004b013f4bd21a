"""`./lichen gdb`: our kernel stopped at its first instruction, or a dump of its memory, under gdb."""

import os
import pathlib
import subprocess
import tempfile

from . import base, build, dump, guest, rootfs, vm

SCRIPT = base.SOURCE / "tools/gdb/lichen.py"


def add_options(parser):
    vm.add_options(parser)
    parser.add_argument("--dump", type=pathlib.Path, metavar="FILE",
                        help="what QEMU's dump-guest-memory wrote, instead of a running guest")


def command(*more):
    """gdb with our commands, on the kernel's ELF file."""
    argv = ["gdb-multiarch", "-q", "-d", base.build_dir(), base.build_dir() / "lichen.elf",
            "-x", SCRIPT]
    return argv + [word for line in more for word in ("-ex", line)]


def environment(spec):
    """Where lichen-user finds the files of the guest: in the archive that --rootfs means."""
    archive = rootfs.archive(spec)
    return {**os.environ, **({"LICHEN_GDB_ROOTFS": str(archive)} if archive else {})}


def look_at_dump(args):
    if not args.dump.is_file():
        raise base.Failure(f"there is no dump {args.dump}")
    with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
        core = pathlib.Path(folder) / "core"
        dump.convert(args.dump, base.build_dir() / "lichen.elf", core)
        return subprocess.run(command(f"target core {core}"),
                              env=environment(args.rootfs)).returncode


def main(args):
    vm.check(args)
    if args.kernel != "lichen":
        raise base.Usage("gdb: only our own kernel has an ELF file to debug")
    if args.dump:
        return look_at_dump(args)
    build.for_kernel("lichen", shown=True)
    machine = vm.from_args(args, rootfs.find(args.rootfs))
    log = base.build_dir() / "gdb-console.log"
    with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
        argv = vm.command(machine, pathlib.Path(folder), "shell", [])
        argv += ["-S", "-gdb", f"unix:{folder}/gdb,server=on,wait=off",
                 "-monitor", f"unix:{folder}/monitor,server=on,wait=off", "-serial", f"file:{log}"]
        base.say(f"the guest's console goes to {log}; QEMU's monitor is {folder}/monitor")
        with guest.running(argv, stdin=subprocess.DEVNULL):
            return subprocess.run(command(f"target remote {folder}/gdb"),
                                  env=environment(args.rootfs)).returncode
