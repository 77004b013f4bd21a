"""`./lichen COMMAND`: finds the command and turns failures into one line."""

import sys

from . import base, sysroot

COMMANDS = {"sysroot": lambda argv: print(sysroot.ensure())}


def main(argv):
    try:
        if not argv or argv[0] not in COMMANDS:
            raise base.Usage("which command? see `./lichen help`")
        return COMMANDS[argv[0]](argv[1:]) or 0
    except base.Failure as failure:
        base.say(failure)
        return failure.status
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
