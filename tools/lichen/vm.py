"""The virtual machine: what it is made of and the QEMU command that says so."""

import dataclasses
import pathlib
import re

from . import base, initrd, oracle

QEMU = "qemu-system-aarch64"
CPUS = ("cortex-a72", "cortex-a76", "max")
SMP_MAX = 8
LINUX_WORDS = ["mitigations=off", "nokaslr"]    # a quarter faster here, the answers the same


@dataclasses.dataclass
class Machine:
    """One boot, as the user or a test wants it."""

    kernel: str = "lichen"              # lichen, linux or a file
    root: pathlib.Path | None = None    # an ext4 image; None: the initial file system is all
    disks: tuple = ()                   # further disks: (file, writable)
    smp: int = 2
    mem: str = "1G"
    cpu: str = "cortex-a76"
    gic: int = 3
    el2: bool = False
    icount: bool = False
    persist: bool = False
    root_on_initrd: bool = False
    verbose: bool = False
    append: str = ""


def add_options(parser):
    """The options that every command that boots has."""
    parser.add_argument("--rootfs", default="debian", metavar="NAME|IMAGE|TAR|none")
    parser.add_argument("--kernel", default="lichen", metavar="lichen|linux|FILE")
    parser.add_argument("--disk", action="append", default=[], metavar="FILE[:rw]")
    parser.add_argument("--smp", type=int, metavar="N")
    parser.add_argument("--mem", default="1G", metavar="SIZE")
    parser.add_argument("--cpu", default="cortex-a76", metavar="MODEL")
    parser.add_argument("--gic", type=int, default=3, metavar="2|3")
    parser.add_argument("--el2", action="store_true")
    parser.add_argument("--icount", action="store_true")
    parser.add_argument("--persist", action="store_true")
    parser.add_argument("--root-on-initrd", action="store_true")
    parser.add_argument("--append", default="", metavar="STR")
    parser.add_argument("-v", "--verbose", action="store_true")


def check(args):
    """Refuse what cannot be meant."""
    if args.icount and args.smp not in (None, 1):
        raise base.Usage("--icount has one CPU")
    if args.smp is not None and not 1 <= args.smp <= SMP_MAX:
        raise base.Usage(f"--smp is 1 to {SMP_MAX}")
    if not re.fullmatch(r"[1-9]\d*[MG]", args.mem):
        raise base.Usage("--mem is a number and M or G, such as 512M")
    if args.gic not in (2, 3):
        raise base.Usage("--gic is 2 or 3")
    if args.cpu not in CPUS:
        raise base.Usage("--cpu is one of " + ", ".join(CPUS))
    if args.kernel not in ("lichen", "linux") and not pathlib.Path(args.kernel).is_file():
        raise base.Usage(f"--kernel {args.kernel}: neither lichen, linux nor a file")
    if args.root_on_initrd and args.kernel == "linux":
        raise base.Usage("--root-on-initrd needs our kernel: Linux takes one initrd of one kind")
    if args.persist and args.rootfs == "none":
        raise base.Usage("--persist needs a root image")
    if args.root_on_initrd and args.persist:
        raise base.Usage("--root-on-initrd cannot --persist")
    for text in args.disk:
        disk_of(text)


def disk_of(text):
    """What --disk names: (file, writable)."""
    path = pathlib.Path(text.removesuffix(":rw"))
    if not path.is_file():
        raise base.Usage(f"--disk {text}: there is no file {path}")
    return path, text.endswith(":rw")


def from_args(args, root):
    """The machine that checked arguments describe, with its root image at hand."""
    smp = args.smp or (1 if args.icount else 2)
    disks = tuple(disk_of(text) for text in args.disk)
    return Machine(kernel=args.kernel, root=root, disks=disks, smp=smp, mem=args.mem, cpu=args.cpu,
                   gic=args.gic, el2=args.el2, icount=args.icount, persist=args.persist,
                   root_on_initrd=args.root_on_initrd, verbose=args.verbose, append=args.append)


def kernel_image(kernel):
    """The file to boot, and the modules its init is to insert."""
    if kernel == "linux":
        made = oracle.ensure()
        return made / "Image", made / "modules"
    image = base.build_dir() / "lichen.Image" if kernel == "lichen" else pathlib.Path(kernel)
    if not image.is_file():
        raise base.Failure(f"there is no kernel at {image}")
    return image, None


def disk_name(index):
    return "/dev/vd" + chr(ord("a") + index)


def command_line(machine, mode, options):
    """The kernel's command line; `options` are init's."""
    root = "none"
    if machine.root:
        root = "/dev/ram0" if machine.root_on_initrd else disk_name(0)
    words = ["console=ttyAMA0", "panic=-1"]
    if machine.kernel == "linux":
        words += LINUX_WORDS
    if not machine.verbose:
        words += ["quiet", "loglevel=1"]
    words += [f"lichen.mode={mode}", f"lichen.root={root}"]
    if machine.persist:
        words.append("lichen.persist")
    return " ".join(words + options + ([machine.append] if machine.append else []))


def disks(machine):
    """All disks, the root first: (file, format options)."""
    found = []
    if machine.root and not machine.root_on_initrd:
        found.append((machine.root, "" if machine.persist else ",snapshot=on"))
    for path, writable in machine.disks:
        found.append((path, "" if writable else ",readonly=on"))
    return found


def disk_args(machine):
    """The guest counts its disks the other way round than the command line does."""
    args = []
    for index, (path, how) in reversed(list(enumerate(disks(machine)))):
        name = str(path).replace(",", ",,")
        args += ["-drive", f"file={name},format=raw,if=none,id=disk{index}{how}",
                 "-device", f"virtio-blk-device,drive=disk{index}"]
    return args


def command(machine, scratch, mode, options):
    """QEMU's argument vector, less its console. `scratch` is a folder that outlives it."""
    image, modules = kernel_image(machine.kernel)
    ram = scratch / "initrd"
    initrd.make(ram, modules)
    if machine.root and machine.root_on_initrd:
        initrd.append_image(ram, machine.root)
    virt = f"virt,gic-version={machine.gic}" + (",virtualization=on" if machine.el2 else "")
    argv = [QEMU, "-M", virt, "-cpu", machine.cpu, "-smp", str(machine.smp), "-m", machine.mem,
            "-display", "none", "-nic", "none", "-no-reboot",
            "-global", "virtio-mmio.force-legacy=false",
            "-kernel", str(image), "-initrd", str(ram),
            "-append", command_line(machine, mode, options),
            "-device", "virtio-rng-device", *disk_args(machine)]
    if machine.icount:
        argv += ["-icount", "shift=0,sleep=off"]
    return argv
