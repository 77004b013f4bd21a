"""A program on a pseudo-terminal of 24 lines and 80 columns, and what a person would see.

    guest_screen.py STEP... -- COMMAND ARG...

Steps: `?TEXT` waits until TEXT is on the screen, `!` prints the screen, anything else is typed
(\\r, \\e and the like mean what they do in Python). Then the program must end by itself.
"""

import codecs
import os
import pty
import re
import select
import sys
import time

ROWS, COLUMNS, LIMIT = 24, 80, 60
SEQUENCE = re.compile(r"\x1b(?:\[([?>]?)([0-9;]*)[ -/]*([@-~])|\[\[.|[()][0-9A-Z]|"
                      r"[]P][^\x07\x1b]*(?:\x07|\x1b\\)|([^][()P]))", re.S)


class Screen:
    """As much of TERM=linux as full-screen programs use."""

    def __init__(self):
        self.lines = [[" "] * COLUMNS for _ in range(ROWS)]
        self.row = self.column = 0
        self.top, self.bottom = 0, ROWS - 1
        self.saved, self.held = (0, 0), ""

    def text(self):
        return "\n".join("".join(line).rstrip() for line in self.lines)

    def write(self, data):
        data, self.held, at = self.held + data, "", 0
        while at < len(data):
            if data[at] == "\x1b":
                match = SEQUENCE.match(data, at)
                if not match:
                    self.held = data[at:]
                    return
                self.sequence(match)
                at = match.end()
            else:
                self.character(data[at])
                at += 1

    def character(self, c):
        if c == "\r":
            self.column = 0
        elif c == "\n":
            self.down()
        elif c == "\b":
            self.column = max(0, self.column - 1)
        elif c == "\t":
            self.column = min(COLUMNS - 1, self.column // 8 * 8 + 8)
        elif c >= " ":
            if self.column == COLUMNS:
                self.column = 0
                self.down()
            self.lines[self.row][self.column] = c
            self.column += 1

    def down(self):
        if self.row == self.bottom:
            self.scroll(self.top, 1)
        else:
            self.row = min(ROWS - 1, self.row + 1)

    def scroll(self, top, count):
        """Lines from `top` to the region's end move up by `count`; down if it is negative."""
        for _ in range(min(abs(count), ROWS)):
            if count > 0:
                del self.lines[top]
                self.lines.insert(self.bottom, [" "] * COLUMNS)
            else:
                del self.lines[self.bottom]
                self.lines.insert(top, [" "] * COLUMNS)

    def erase(self, first, last):
        """From one place to another, counted through all lines."""
        for at in range(first, last):
            self.lines[at // COLUMNS][at % COLUMNS] = " "

    def sequence(self, match):
        private, words, final, single = match.groups()
        if single == "7":
            self.saved = self.row, self.column
        elif single == "8":
            self.row, self.column = self.saved
        elif single == "M" and self.row == self.top:
            self.scroll(self.top, -1)
        elif single == "M":
            self.row -= 1
        elif single == "D":
            self.down()
        if not final or private:
            return
        numbers = [int(word or 0) for word in words.split(";")]
        n = max(numbers[0], 1)
        line, here = self.row * COLUMNS, self.row * COLUMNS + min(self.column, COLUMNS - 1)
        if final in "Hf":
            self.row = min(n, ROWS) - 1
            self.column = min(max((numbers + [1])[1], 1), COLUMNS) - 1
        elif final in "ABCD":
            self.row = min(ROWS - 1, max(0, self.row + {"A": -n, "B": n}.get(final, 0)))
            self.column = min(COLUMNS - 1, max(0, self.column + {"D": -n, "C": n}.get(final, 0)))
        elif final == "G":
            self.column = min(n, COLUMNS) - 1
        elif final == "d":
            self.row = min(n, ROWS) - 1
        elif final == "J":
            self.erase(here if numbers[0] == 0 else 0, here + 1 if numbers[0] == 1 else
                       ROWS * COLUMNS)
        elif final == "K":
            self.erase(here if numbers[0] == 0 else line, here + 1 if numbers[0] == 1 else
                       line + COLUMNS)
        elif final == "X":
            self.erase(here, min(here + n, line + COLUMNS))
        elif final in "LM":
            self.scroll(self.row, -n if final == "L" else n)
        elif final in "@P":
            cells, at = self.lines[self.row], self.column
            kept = cells[:at] + ([" "] * n + cells[at:] if final == "@" else cells[at + n:])
            self.lines[self.row] = (kept + [" "] * COLUMNS)[:COLUMNS]
        elif final == "r":
            self.top, self.bottom = n - 1, (numbers + [0])[1] - 1
            self.bottom = ROWS - 1 if self.bottom < 0 else self.bottom
            self.row = self.column = 0


class Program:
    def __init__(self, argv):
        self.screen, self.ended = Screen(), False
        self.decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="linux", LINES=str(ROWS), COLUMNS=str(COLUMNS))
            os.system(f"stty rows {ROWS} cols {COLUMNS}")
            os.execvp(argv[0], argv)

    def read(self, limit):
        if not select.select([self.fd], [], [], limit)[0]:
            return False
        try:
            data = os.read(self.fd, 4096)
        except OSError:
            data = b""
        self.ended = not data
        self.screen.write(self.decode(data))
        return bool(data)

    def wait(self, text):
        deadline = time.monotonic() + LIMIT
        while text not in self.screen.text():
            if self.ended or time.monotonic() > deadline:
                sys.exit(f"no {text!r} on the screen:\n{self.screen.text()}")
            self.read(1)

    def step(self, word):
        if word == "!":
            while self.read(1):
                pass
            print(self.screen.text(), flush=True)
        elif word.startswith("?"):
            self.wait(word[1:])
        else:
            os.write(self.fd, word.replace("\\e", "\\x1b").encode().decode("unicode_escape").encode())

    def finish(self):
        deadline = time.monotonic() + LIMIT
        while not self.ended and time.monotonic() < deadline:
            self.read(1)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def main(words):
    split = words.index("--")
    program = Program(words[split + 1:])
    for word in words[:split]:
        program.step(word)
    print("status", program.finish())


main(sys.argv[1:])
