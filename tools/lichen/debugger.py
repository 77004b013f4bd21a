"""`./lichen gdb`: our kernel stopped at its first instruction, under gdb."""

import pathlib
import subprocess
import tempfile

from . import base, build, guest, rootfs, vm

SCRIPT = base.SOURCE / "tools/gdb/lichen.py"


def add_options(parser):
    vm.add_options(parser)


def main(args):
    vm.check(args)
    if args.kernel != "lichen":
        raise base.Usage("gdb: only our own kernel has an ELF file to debug")
    build.for_kernel("lichen", shown=True)
    machine = vm.from_args(args, rootfs.find(args.rootfs))
    log = base.build_dir() / "gdb-console.log"
    with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
        argv = vm.command(machine, pathlib.Path(folder), "shell", [])
        argv += ["-S", "-gdb", f"unix:{folder}/gdb,server=on,wait=off",
                 "-monitor", "none", "-serial", f"file:{log}"]
        base.say(f"the guest's console goes to {log}")
        gdb = ["gdb-multiarch", "-q", base.build_dir() / "lichen.elf"]
        gdb += ["-x", SCRIPT] if SCRIPT.exists() else []
        with guest.running(argv, stdin=subprocess.DEVNULL):
            return subprocess.run([*gdb, "-ex", f"target remote {folder}/gdb"]).returncode
