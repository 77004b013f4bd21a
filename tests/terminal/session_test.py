"""A person at the terminal: bash in a guest, driven through a pseudo-terminal.

    session_test.py lichen|linux

Every step types keys and waits for what must appear; only a hang meets the time limit.
"""

import fcntl
import os
import pathlib
import pty
import re
import select
import struct
import sys
import termios
import time

LICHEN = pathlib.Path(__file__).resolve().parents[2] / "lichen"
BOOT_LIMIT, STEP_LIMIT = 900, 60        # seconds
ROWS, COLUMNS = 33, 111
PROMPT = r"root@lichen:\S+# $"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>()][A-Z0-9]?|\x07")


class Missing(Exception):
    """What a step waited for did not come."""


class Terminal:
    """A child on a pseudo-terminal, and what it has shown since the last step."""

    def __init__(self, argv):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(argv[0], argv)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.before = termios.tcgetattr(self.fd)
        self.seen, self.ended = "", False

    def text(self):
        """What was shown, without colours and cursor movements."""
        return ESCAPES.sub("", self.seen).replace("\r", "")

    def read(self, limit):
        if not select.select([self.fd], [], [], limit)[0]:
            return
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            data = b""
        self.ended = not data
        self.seen += data.decode(errors="replace")

    def expect(self, pattern, limit=STEP_LIMIT):
        """Wait until what was shown matches."""
        deadline = time.monotonic() + limit
        while not re.search(pattern, self.text(), re.M):
            if self.ended or time.monotonic() > deadline:
                raise Missing(f"waited for {pattern!r}, saw:\n{self.text()}")
            self.read(1)

    def type(self, keys, pattern):
        """Type, then wait; what was shown before is forgotten."""
        self.seen = ""
        os.write(self.fd, keys.encode())
        self.expect(pattern)

    def run(self, line, pattern=""):
        """Type a line; wait for the pattern and then for a prompt."""
        self.type(line + "\r", pattern or PROMPT)
        self.expect(PROMPT)

    def finish(self):
        """The exit status once everything is read."""
        while not self.ended:
            self.read(STEP_LIMIT)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def line_editing(term):
    term.run("echo ac\x1b[Db", "^abc$")                         # left arrow
    term.run("cho moved\x01e", "^moved$")                       # Ctrl-A
    term.run("echo one twoo\x7f", "^one two$")                  # backspace
    term.run("echo gone gone\x17here", "^gone here$")           # Ctrl-W
    term.run("nonsense\x15echo fresh", "^fresh$")               # Ctrl-U
    term.run("echo ab\x14", "^ba$")                             # Ctrl-T
    term.run("echo cut this\x1bb\x0b\x19", "^cut this$")        # Alt-B, Ctrl-K, Ctrl-Y


def completion(term):
    term.run("cat /etc/hostna\t", "^lichen$")
    term.run("mkdir -p /tmp/c/unique-name")
    term.run("cd /tmp/c/uni\t", "unique-name# ")
    term.type("ls /etc/host\t\t",
              r"host\.conf +hostname +hosts\s+root@lichen:\S+# ls /etc/host$")
    # No interrupt: it may go unnoticed until bash reads again.
    term.run("\x15cd")


def history(term):
    term.run("echo remembered", "^remembered$")
    term.run("true")
    term.run("\x1b[A\x1b[A", "^remembered$")                    # up twice
    term.run("\x12remem", "^remembered$")                       # Ctrl-R
    term.run("history | tail -1", r"^ +\d+ +history")
    term.run("echo !!:0", "^history$")


def interrupt(term):
    """Whatever is to be interrupted says first that it runs: a key that bash itself gets between a
    command and its start may go unnoticed, on Linux, too.
    """
    term.type("sh -c 'echo running; exec sleep 1000'\r", "^running$")
    term.type("\x03", r"\^C\n(.*\n)?" + PROMPT)
    term.run("echo status $?", "^status 130$")
    term.type("n=; while :; do [ $n ] || echo busy; n=1; done\r", "^busy$")
    term.type("\x03", PROMPT)
    time.sleep(1)                                               # bash reads again
    term.type("half a line", "half a line$")
    time.sleep(1)
    term.type("\x03", PROMPT)
    term.type("sh -c 'echo running; exec cat'\r", "^running$")
    term.type("echoed twice\r", "^echoed twice\nechoed twice$")
    term.type("\x04", PROMPT)
    term.type("(trap 'echo caught; exit' INT; echo armed; while :; do sleep 0.1; done)\r", "^armed$")
    term.type("\x03", r"\^Ccaught$")
    term.expect(PROMPT)


def job_control(term):
    term.type("sh -c 'echo running; exec sleep 1000'\r", "^running$")
    term.type("\x1a", r"\[1\]\+ +Stopped +sh -c .*sleep 1000")
    term.expect(PROMPT)
    term.run("jobs", r"^\[1\]\+ +Stopped +sh -c .*sleep 1000'$")
    term.run("bg", r"^\[1\]\+ sh -c .*sleep 1000' &$")
    term.run("jobs", r"^\[1\]\+ +Running +sh -c .*sleep 1000' &$")
    term.type("fg\r", "^sh -c .*sleep 1000'$")
    time.sleep(1)                                               # it has the terminal again
    term.type("\x1a", r"Stopped")
    term.expect(PROMPT)
    term.run("sleep 2000 &", r"^\[2\] \d+$")
    term.run("kill %2; wait %2 2> /dev/null; echo $?", "143")
    term.run("kill %1; fg; jobs")
    term.run("(sleep 0.5; echo from behind) &", r"^\[\d\] \d+$")
    term.run("wait", "from behind")


def terminal(term):
    term.run("stty size", f"^{ROWS} {COLUMNS}$")
    term.run("tty", "^/dev/ttyAMA0$")
    term.run("echo $TERM", "^xterm$")
    # stty throws away what was typed before it.
    term.type("stty -echo; echo rea''dy; read x; stty echo; echo ${x}n\r", "^ready$")
    term.run("hidde", "^hidden$")
    assert "hidde\n" not in term.text(), "what was typed shows"
    term.run("ps -o tty= -p $$", "^ttyAMA0$")
    term.run("test -t 0 && test -t 1 && echo both", "^both$")


def full_screen(term):
    term.type("vi /tmp/note\r", "note")
    time.sleep(2)
    term.type("ihello from vi\x1b", "hello from vi")
    term.run(":wq")
    term.run("cat /tmp/note", "^hello from vi$")
    term.type("seq 1000 | less\r", ":$")
    term.type("G", "^1000$")
    term.type("q", PROMPT)
    term.type("top\r", "load average")
    term.type("q", PROMPT)


STEPS = (line_editing, completion, history, interrupt, job_control, terminal, full_screen)


def main():
    term = Terminal([str(LICHEN), "qemu", "--kernel", sys.argv[1], "--smp", "2"])
    failed = 0
    try:
        term.expect(PROMPT, BOOT_LIMIT)
        term.expect("Changes are lost")
        for step in STEPS:
            step(term)
            print(f"ok {step.__name__}", flush=True)
        term.type("exit\r", "logout")
        assert term.finish() == 0, "the exit status is not 0"
        assert termios.tcgetattr(term.fd) == term.before, "the terminal's mode is changed"
        print("ok exit")
    except (Missing, AssertionError) as problem:
        print(f"FAIL {problem}")
        failed = 1
        os.close(term.fd)
    return failed


if __name__ == "__main__":
    sys.exit(main())
