"""`./lichen COMMAND`: finds the command and turns failures into one line."""

import argparse
import os
import signal
import sys

from . import (abuse, base, bench, build, debugger, distro, execute, guesttests, host, interactive,
               matrix, oracle, profile, rootfs, sourcesuite, stracetests, suite, suites,
               sysroot, transcript, uringtests, vm)

HELP = """\
usage: ./lichen COMMAND [OPTION...]

  qemu                     build everything and boot to a shell on this terminal
  exec [...] -- CMD ARG... boot, run one command as root, pass on its output and status
  test [TIER...] [-k NAME] build everything and run the tests (a tier is a ctest label)
  guest [-k PROGRAM.TEST]  the programs of tests/guest; --smp N, --kernel lichen|linux
  distro [-k NAME]         real commands compared with Linux's answers; the same options;
                           --tier disk: on a disk that they write
  suites python|stress|strace|uring|distro|sample
                           what others wrote, compared with Linux test by test; -k, --runs N,
                           --log FOLDER
  transcript strace|gdb    debuggers' transcripts compared with Linux's; --rootfs dev|rolling
  bench [programs|disk] [-k NAME]  instructions per operation, or of whole programs (on a
                           disk), ours beside Linux's; --kernel lichen|linux
  profile NAME             where they go, function by function; --addresses: each instruction
  image [NAME]             build the kernel and a root file system; print where they are
  gdb                      our kernel stopped at its first instruction, under gdb
  setup                    install what building and testing takes (tools/packages)
  help                     this page

qemu, exec and gdb take
  --rootfs NAME|IMAGE|TAR|none   a recipe under rootfs/ (debian), an ext4 image, a tar
                                 file, or the initial file system alone
  --kernel lichen|linux|FILE     our kernel, Debian's Linux, or an arm64 Image
  --disk FILE[:rw]               a further disk, /dev/vdb and so on; read-only without :rw
  --smp N  --mem SIZE            CPUs (1 to 8; 2), memory (1G)
  --cpu MODEL  --gic 2|3  --el2  cortex-a72, cortex-a76 or max; interrupt controller;
                                 enter the kernel at EL2
  --icount                       count instructions as time, on one CPU
  --persist                      keep changes in the root image
  --root-on-initrd               hand over the root image in memory (our kernel only)
  --append STR                   add to the kernel's command line
  -v                             show the boot log
exec also takes
  --timeout S                    stop after S seconds
  --put HOST:GUEST               copy a file or folder into the guest first
  --get GUEST:HOST               copy a file back afterwards

exec's status is the command's (128+n for a death by signal), or
  2 wrong use, 123 the guest could not run it, 124 time-out, 125 kernel panic.
Downloads are kept in ~/.cache/lichen (LICHEN_CACHE), builds in build/ (LICHEN_BUILD).
"""

SOURCE_SUITES = {"strace": stracetests.Strace(), "uring": uringtests.Uring()}


class Parser(argparse.ArgumentParser):
    """One line for a wrong use, instead of a page."""

    def error(self, message):
        raise base.Usage(f"{self.prog}: {message}")


def parse(name, argv, add_options=None):
    parser = Parser(prog=name, add_help=False, allow_abbrev=False)
    if add_options:
        add_options(parser)
    return parser.parse_args(argv)


def command_exec(argv):
    split = argv.index("--") if "--" in argv else len(argv)
    args = parse("exec", argv[:split], execute.add_options)
    return execute.main(args, argv[split + 1:])


def command_qemu(argv):
    return interactive.main(parse("qemu", argv, vm.add_options))


def command_gdb(argv):
    return debugger.main(parse("gdb", argv, debugger.add_options))


def command_test(argv):
    return suite.main(parse("test", argv, suite.add_options))


def command_bench(argv):
    return bench.main(parse("bench", argv, bench.add_options))


def command_profile(argv):
    return profile.main(parse("profile", argv, profile.add_options))


def command_distro(argv):
    return distro.main(parse("distro", argv, distro.add_tier))


def command_transcript(argv):
    return transcript.main(parse("transcript", argv, transcript.add_options))


def command_abuse(argv):
    return abuse.main(parse("abuse", argv, abuse.add_options))


def command_suites(argv):
    if argv and argv[0] in SOURCE_SUITES:
        args = parse("suites", argv, sourcesuite.add_options)
        return sourcesuite.main(SOURCE_SUITES[argv[0]], args)
    return suites.main(parse("suites", argv, suites.add_options))


def command_matrix(argv):
    return matrix.main(parse("matrix", argv, matrix.add_options))


def command_guest(argv):
    return guesttests.main(parse("guest", argv, guesttests.add_options))


def command_image(argv):
    args = parse("image", argv, lambda p: p.add_argument("name", nargs="?", default="debian"))
    build.for_kernel("lichen", shown=True)
    print(vm.kernel_image("lichen")[0])
    print(rootfs.find(args.name))


def command_setup(argv):
    parse("setup", argv)
    host.ensure()


def command_help(argv):
    parse("help", argv)
    print(HELP, end="")


def command_sysroot(argv):
    """For cmake/sysroot.cmake."""
    parse("sysroot", argv)
    print(sysroot.ensure())


def command_oracle(argv):
    parse("oracle", argv)
    print(oracle.ensure())


COMMANDS = {name[len("command_"):]: function for name, function in list(globals().items())
            if name.startswith("command_")}


def main(argv):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        name = {"--help": "help", "-h": "help"}.get(argv[0], argv[0]) if argv else None
        if name not in COMMANDS:
            raise base.Usage("which command? `./lichen help` lists them" if not argv else
                             f"there is no command {argv[0]}; `./lichen help` lists them")
        return COMMANDS[name](argv[1:]) or 0
    except base.Failure as failure:
        base.say(failure)
        return failure.status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
