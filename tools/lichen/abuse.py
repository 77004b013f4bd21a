"""`./lichen abuse calls|elf|images|rights`: using the kernel badly. Of all but images a program says
what came of it, line by line, and the lines must be Linux's; images is in images.py.

The calls tried are those of the dispatch table, so that a call without a row in
tests/guest/abuse/*.def fails here. Linux's lines are kept in the cache, by the program.
"""

import fnmatch
import re

from . import base, build, guest, images, oracle, vm

FOLDER = base.SOURCE / "tests/guest/abuse"
PROGRAMS = ("calls", "elf", "images", "rights")
SHOWN_MAX = 60              # differences shown
ODD_MAX = 8                 # calls of which Linux is asked again
STALL = 90                  # seconds without a line


def implemented():
    """The names in the dispatch table."""
    text = (base.SOURCE / "syscalls/table.c").read_text()
    found = re.search(r"#define CALLS\(P, A, B\)(.*?[^\\])\n\n", text, re.S)
    names = re.findall(r"\b[PAB]\((\w+)\)", found.group(1)) if found else []
    if len(names) < 100:
        raise base.Failure("syscalls/table.c is not understood: its list of calls is short")
    return names


def rows():
    """The names that have a row."""
    text = "".join(path.read_text() for path in sorted(FOLDER.glob("*.def")))
    return set(re.findall(r"^(?:CALL|COUNT)\((\w+)", text, re.M))


def arguments(program, word):
    """The program's arguments."""
    if program != "calls":
        return []
    names = implemented()
    missing = sorted(set(names) - rows())
    if missing:
        raise base.Failure("no row in tests/guest/abuse/*.def for " + " ".join(missing))
    return [name for name in names if not word or re.search(word, name)]


class Lines:
    """A sink that keeps the lines and remembers how far it came."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data

    def flush(self):
        """There is nothing to flush."""

    def all(self):
        return self.data.decode(errors="backslashreplace").splitlines()


def ask(program, words, kernel, smp, timeout):
    """Boot and run; the status and the lines."""
    binary = base.build_dir() / f"guest/abuse-{program}"
    lines = Lines()
    job = guest.Job(argv=[f"/{program}", *words], put=[(binary, f"/{program}")], cwd="/",
                    timeout=timeout, stall=STALL)
    try:
        status = guest.run(vm.Machine(kernel=kernel, smp=smp), job, out=lines)
    except base.Failure as failure:
        base.say(failure)
        status = failure.status
    return status, lines.all()


def linux_lines(program, words, fresh):
    """What Linux says, from the cache or from a boot now."""
    binary = base.build_dir() / f"guest/abuse-{program}"
    name = base.digest(binary, " ".join(words), (oracle.ensure() / "stamp"))
    path = base.cache_dir() / "answers" / "abuse" / name
    if path.exists() and not fresh:
        return path.read_text().splitlines()
    base.say(f"asking Linux: {program}")
    status, lines = ask(program, words, "linux", 2, 900)
    if status:
        raise base.Failure(f"{program} does not pass on Linux: status {status}")
    with base.replacing(path) as made:
        made.write_text("\n".join(lines) + "\n")
    return lines


def parts(lines):
    """What was tried, and what came of it."""
    return dict(line.rsplit(": ", 1) for line in lines if ": " in line)


def known_differences(program):
    """Patterns of the lines that compare would print."""
    text = (FOLDER / f"expect.{program}").read_text()
    lines = (line.split("#!")[0].strip() for line in text.splitlines() if not line.startswith("# "))
    return [line for line in lines if line]


def differing(want, got):
    """What differs, as {what was tried: the line that says so}."""
    return {key: f"{key}: {got.get(key, 'nothing')}, on Linux {want[key]}"
            for key in want if want[key] != got.get(key)}


def ask_again(program, want, got, known):
    """What a call does on Linux can be a matter of luck (does the clock tick before it returns?
    Has another lane locked the one inode that all epolls have there?), and a first answer decides
    nothing then: of unexpected differences Linux is asked again, and where it now says what we
    do that is its answer."""
    odd = {key: line for key, line in differing(want, got).items()
           if not any(fnmatch.fnmatchcase(line, pattern) for pattern in known)}
    names = {key.split("#")[0] for key in odd}
    if program != "calls" or not odd or len(names) > ODD_MAX:
        return
    for _ in range(2):
        status, lines = ask(program, sorted(names), "linux", 2, 900)
        again = {} if status else parts(lines)
        for key in odd:
            if again.get(key, want[key]) != want[key] and again[key] == got.get(key):
                print(f"Linux itself says {want[key]} or {again[key]} to {key}")
                want[key] = again[key]


def compare(want, got, known, everything):
    """Print what differs; how many lines do."""
    bad = list(differing(want, got).values())
    stale = [pattern for pattern in known if not fnmatch.filter(bad, pattern)]
    bad = [line for line in bad if not any(fnmatch.fnmatchcase(line, p) for p in known)]
    bad += [f"{pattern}: as on Linux, but it is expected to differ" for pattern in stale]
    shown = len(bad) if everything else SHOWN_MAX
    for line in bad[:shown]:
        print("FAIL", line)
    if len(bad) > shown:
        print(f"... and {len(bad) - shown} more (--all)")
    print(f"{len(want) - len(bad)} of {len(want)} as expected")
    return len(bad)


def add_options(parser):
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("--kernel", default="lichen")
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("-k", dest="name", metavar="NAME")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--all", action="store_true", help="show every difference")


def main(args):
    if args.program == "images":
        build.for_kernel(args.kernel)
        build.ensure(["guest-abuse-walk"])
        return 1 if images.run(args.kernel, args.name or "") else 0
    words = arguments(args.program, args.name)
    build.for_kernel(args.kernel)
    build.ensure([f"guest-abuse-{args.program}"])
    want = parts(linux_lines(args.program, words, args.fresh))
    status, lines = ask(args.program, words, args.kernel, args.smp, 900)
    if status:
        print(f"status {status} after", lines[-1] if lines else "nothing")
    known = [] if args.name or args.kernel == "linux" else known_differences(args.program)
    got = parts(lines)
    if args.kernel != "linux":
        ask_again(args.program, want, got, known)
    bad = compare(want, got, known, args.all)
    return 1 if bad or status else 0
