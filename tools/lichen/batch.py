"""Many programs in one boot: tests/guest/batch.c runs them, this reads what it says.

A boot that ends early (a panic, a hang) costs the program that was running then; the ones
after it get another boot.
"""

import dataclasses

from . import base, guest

BOOTS_MAX = 6
NOT_RUN = "not run"         # the status of what no boot was left for
LIMIT = "limit"             # and of what took too long, as the guest's batch says it
STALL_SLACK = 60            # seconds without a word beyond a program's own limit
PROGRAM = "/run/lichen-batch"
MANIFEST = "/run/lichen-manifest"


@dataclasses.dataclass
class Item:
    """One program: `argv` as the guest's batch gets it."""

    name: str
    argv: list
    limit: int = 60


@dataclasses.dataclass
class Answer:
    """What came of it. `status` is a number, LIMIT, or what ended the boot."""

    status: str
    out: bytes = b""
    err: bytes = b""


class Collector:
    """A sink for the job's output; calls `done(name, answer)` as answers come."""

    def __init__(self, done):
        self.data, self.running, self.done = b"", None, done

    def write(self, data):
        self.data += data
        while self.take():
            pass

    def flush(self):
        """There is nothing to flush."""

    def take(self):
        """Take one record off the data, if it is whole."""
        line, newline, rest = self.data.partition(b"\n")
        if not newline:
            return False
        words = line.decode(errors="replace").split()
        if words[:1] == ["@start"]:
            self.running, self.data = words[1], rest
            return True
        if words[:1] != ["@end"] or len(words) != 5:
            raise base.Failure(f"batch said what it cannot: {line!r}")
        out, err = int(words[3]), int(words[4])
        if len(rest) < out + err:
            return False
        self.done(words[1], Answer(words[2], rest[:out], rest[out:out + err]))
        self.running, self.data = None, rest[out + err:]
        return True


def manifest(items):
    lines = ["\t".join([item.name, str(item.limit), *item.argv]) for item in items]
    if any("\n" in line for line in lines):
        raise base.Failure("a command of a batch has a newline in it")
    return "".join(line + "\n" for line in lines).encode()


def boot(machine, items, put, done):
    """One boot over `items`; the name of the one it stopped in, and why."""
    collector = Collector(done)
    program = base.build_dir() / "guest/batch"
    job = guest.Job(argv=[PROGRAM, MANIFEST], cwd="/",
                    put=[(program, PROGRAM), (manifest(items), MANIFEST), *put],
                    stall=max(item.limit for item in items) + STALL_SLACK)
    try:
        status = guest.run(machine, job, out=collector)
    except base.Failure as failure:
        base.say(failure)
        status = failure.status
    why = {guest.PANICKED: "panic", guest.TIMED_OUT: "hang"}.get(status, f"boot status {status}")
    return collector.running, why


def run(machine, items, put, done, boots=BOOTS_MAX):
    """Run all items, in as many boots as it takes, but not more than `boots`."""
    left = {item.name: item for item in items}

    def note(name, answer):
        left.pop(name, None)
        done(name, answer)

    for _ in range(boots):
        if not left:
            return
        before = len(left)
        stopped, why = boot(machine, list(left.values()), put, note)
        if stopped:
            note(stopped, Answer(why))
        elif left and len(left) == before:
            break
    for name in list(left):
        note(name, Answer(NOT_RUN))
