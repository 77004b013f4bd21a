"""`./lichen COMMAND`: finds the command and turns failures into one line."""

import argparse
import os
import signal
import sys

from . import base, execute, oracle, rootfs, sysroot


class Parser(argparse.ArgumentParser):
    """One line for a wrong use, instead of a page."""

    def error(self, message):
        raise base.Usage(f"{self.prog}: {message}")


def parse(name, add_options, argv):
    parser = Parser(prog=name, add_help=False, allow_abbrev=False)
    add_options(parser)
    return parser.parse_args(argv)


def no_options(parser):
    del parser


def command_exec(argv):
    split = argv.index("--") if "--" in argv else len(argv)
    args = parse("exec", execute.add_options, argv[:split])
    return execute.main(args, argv[split + 1:])


def command_sysroot(argv):
    parse("sysroot", no_options, argv)
    print(sysroot.ensure())


def command_oracle(argv):
    parse("oracle", no_options, argv)
    print(oracle.ensure())


def command_rootfs(argv):
    args = parse("rootfs", lambda p: p.add_argument("name", nargs="?", default="debian"), argv)
    print(rootfs.find(args.name))


COMMANDS = {
    "exec": command_exec,
    "sysroot": command_sysroot,
    "oracle": command_oracle,
    "rootfs": command_rootfs,
}


def main(argv):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if not argv or argv[0] not in COMMANDS:
            raise base.Usage("which command? `./lichen help` lists them")
        return COMMANDS[argv[0]](argv[1:]) or 0
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
