"""`./lichen qemu`: a shell in a guest, on the terminal."""

import contextlib
import os
import pathlib
import re
import sys
import tempfile
import termios

from . import build, guest, rootfs, vm

ESCAPE = "0x1d"             # Ctrl-], then x: QEMU stops; Ctrl-A is for the guest
# Cursor shown, main screen, plain text, no bracketed paste: whatever the guest left behind.
SANE = "\x1b[?25h\x1b[?1049l\x1b[0m\x1b[?2004l"


def terminal_options():
    """What init needs to know of the terminal."""
    term = os.environ.get("TERM", "")
    if not re.fullmatch(r"[\w.+-]{1,60}", term) or term == "dumb":
        term = "vt100"
    options = [f"lichen.term={term}"]
    if sys.stdout.isatty():
        size = os.get_terminal_size(sys.stdout.fileno())
        options += [f"lichen.rows={size.lines}", f"lichen.columns={size.columns}"]
    return options


@contextlib.contextmanager
def terminal_kept():
    """Put the terminal back as it was."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSANOW, before)
        if sys.stdout.isatty():
            sys.stdout.write(SANE)
            sys.stdout.flush()


def main(args):
    vm.check(args)
    build.for_kernel(args.kernel, shown=True)
    machine = vm.from_args(args, rootfs.find(args.rootfs))
    with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
        argv = vm.command(machine, pathlib.Path(folder), "shell", terminal_options())
        argv += ["-echr", ESCAPE, "-chardev", "stdio,id=console,mux=on,signal=off",
                 "-serial", "chardev:console", "-mon", "chardev=console"]
        with terminal_kept(), guest.running(argv) as qemu:
            return qemu.wait()
