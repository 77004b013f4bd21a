"""`./lichen guest`: the programs of tests/guest, on Linux first and then on Lichen.

What Linux answers is kept in the cache by the hash of the program: an expectation that
Linux does not meet is a wrong test.
"""

import json
import re

from . import base, batch, build, rootfs, vm

FOLDER = base.SOURCE / "tests/guest"
LIMIT = 180                 # seconds for one program
RESULT = re.compile(r"(ok|not ok) (\w+)")


def programs():
    """The built test programs by name."""
    return {path.name[len("test-"):]: path for path in
            sorted((base.build_dir() / "guest").glob("test-*")) if path.suffix == ""}


def known_differences():
    lines = (line.split("#")[0].strip() for line in (FOLDER / "expect").read_text().splitlines())
    return dict(line.split(None, 1) for line in lines if line)


def results(program, answer):
    """{"program.test": None or the lines that say why it failed}."""
    found, notes = {}, []
    for line in answer.out.decode(errors="replace").splitlines():
        match = RESULT.fullmatch(line)
        if match:
            name = f"{program}.{match.group(2)}"
            found[name] = None if match.group(1) == "ok" else notes or ["no reason given"]
            notes = []
        else:
            notes.append(line)
    if answer.status not in ("0", "1"):
        found[f"{program}.whole"] = [*notes, f"the program ended with {answer.status}",
                                     *answer.err.decode(errors="replace").splitlines()]
    return found


def run(names, only, kernel, smp):
    """Run the programs; their results as they come, over all of them."""
    files = programs()
    words = [only] if only else []
    items = [batch.Item(name, [f"/run/tests/{name}", *words], LIMIT) for name in names]
    put = [(files[name], f"/run/tests/{name}") for name in names]
    found = {}

    def note(name, answer):
        found.update(results(name, answer))

    machine = vm.Machine(kernel=kernel, root=rootfs.find("debian"), smp=smp, mem="1G")
    batch.run(machine, items, put, note)
    return found


def check_on_linux(names):
    """The names of all tests, after Linux has passed them."""
    files, tests, unknown = programs(), {}, []
    store = base.cache_dir() / "answers" / "guest"
    notes = {name: store / base.digest(files[name]) for name in names}
    for name in names:
        if notes[name].exists():
            tests.update(dict.fromkeys(json.loads(notes[name].read_text())))
        else:
            unknown.append(name)
    if not unknown:
        return tests
    base.say("asking Linux first: " + " ".join(unknown))
    found = run(unknown, None, "linux", 2)
    wrong = show(found, {})
    for name in unknown:
        mine = [test for test in found if test.startswith(name + ".")]
        if not any(found[test] for test in mine):
            with base.replacing(notes[name]) as made:
                made.write_text(json.dumps(mine))
    if wrong:
        raise base.Failure(f"Linux itself fails {wrong} of these: the tests are wrong")
    return {**tests, **dict.fromkeys(found)}


def show(found, known):
    """Print each result; how many are not as expected."""
    failed = 0
    for name, why in found.items():
        if name in known and not why:
            why = ["passes, but stands in tests/guest/expect: take it off"]
        elif name in known:
            why = None
        failed += bool(why)
        print(*([f"FAIL {name}", *why] if why else [f"ok {name}"]), sep="\n    ", flush=True)
    return failed


def add_options(parser):
    parser.add_argument("--kernel", default="lichen", choices=("lichen", "linux"))
    parser.add_argument("--smp", type=int, default=1)
    parser.add_argument("-k", dest="name", metavar="PROGRAM[.TEST]")


def main(args):
    build.ensure(["guest-init", "guest-tests"])
    program, _, only = (args.name or "").partition(".")
    names = [program] if program else list(programs())
    if program and program not in programs():
        raise base.Usage(f"guest: there is no program {program}; there are: "
                         + " ".join(programs()))
    if args.kernel == "lichen":
        build.for_kernel("lichen")
        want = check_on_linux(names)
    found = run(names, only, args.kernel, args.smp)
    if args.kernel == "lichen" and not only:
        found.update({name: ["it did not run"] for name in want if name not in found})
    failed = show(found, known_differences() if args.kernel == "lichen" else {})
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed else 0
