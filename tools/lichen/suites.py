"""`./lichen suites`: material that others wrote (Python's own tests, stress-ng), run here and
compared with Linux's results test by test.

A reference is what passes in every run on Linux that there was; those are kept in the cache as they
end, by the image and the command. Linux is asked for what has fewer than `--runs N` (1), so that what
was interrupted goes on. What passes on Linux and not here fails, unless tests/suites/expect lists it
with the reason; with `--runs 0` nothing is asked. `sample` is a little of both that is quick enough
to be run each time, in an image that is quickly made. `distro` are cases as the distro tier's, for
the image dev.
"""

import collections
import json
import pathlib
import re
import xml.etree.ElementTree

from . import base, batch, build, distro, rootfs, vm

FOLDER = base.SOURCE / "tests/suites"
CLASSES = ("scheduler", "pipe", "ipc", "signal", "vm", "memory", "filesystem", "cpu")
# What test_socket calls its parts that need no network.
UNIX_PARTS = ("*Unix*", "*UNIX*", "*SCMRights*", "*SocketPair*")
# An item's name, and the module with the tests that it is to run: all, unless there are patterns.
MODULES = {name: (name,) for name in (
    "test_os", "test_posix", "test_subprocess", "test_signal", "test_threading", "test_select",
    "test_selectors", "test_mmap", "test_io", "test_fileio", "test_fcntl", "test_pty",
    "test_time", "test_tempfile", "test_shutil", "test_pathlib")}
MODULES["test_socket"] = ("test_socket", *UNIX_PARTS)
# Half an hour on Linux, if it were one.
MODULES.update({f"test_multiprocessing_fork.{part}": ("test_multiprocessing_fork",
                                                      f"*.test_{part}.*")
                for part in ("processes", "threads", "manager", "misc")})
SAMPLE_MODULES = ("test_fcntl", "test_fileio", "test_mmap", "test_pty")
SAMPLE_STRESSORS = (
    "eventfd", "fork", "futex", "poll", "switch", "pipe", "splice", "msg", "sem-sysv",
    "sigq", "timer", "brk", "mmap", "mprotect", "mremap", "dentry", "fcntl", "flock", "rename")
SAMPLE_SECONDS = "1"
MODULE_LIMIT, STRESSOR_LIMIT, SAMPLE_LIMIT = 1800, 120, 400     # seconds
BOOTS_MAX = 12
WORDS_SHOWN = 12            # last lines shown of what failed


def python_item(name, limit=MODULE_LIMIT):
    return batch.Item(name, ["/bin/bash", "/run/suites/python", *MODULES[name]], limit)


def stress_item(name, *seconds):
    return batch.Item(f"stress.{name}", ["/bin/bash", "/run/suites/stress", name, *seconds],
                      STRESSOR_LIMIT)


def stressors(image, folder):
    """The names in the classes, as the program itself gives them."""
    note = folder / "stressors"
    if not note.exists():
        found = {}
        items = [batch.Item(name, ["stress-ng", "--class", name + "?"]) for name in CLASSES]
        batch.run(vm.Machine(root=image), items, [], found.__setitem__)
        text = b"\n".join(found[name].out for name in CLASSES).decode()
        with base.replacing(note) as made:
            made.write_text(" ".join(dict.fromkeys(
                word for line in text.splitlines() for word in line.partition(":")[2].split())))
    return note.read_text().split()


def python_items(_image, _folder):
    return [python_item(name) for name in MODULES]


def stress_items(image, folder):
    return [stress_item(name) for name in stressors(image, folder)]


def sample_items(_image, _folder):
    return [*(python_item(name, SAMPLE_LIMIT) for name in SAMPLE_MODULES),
            *(stress_item(name, SAMPLE_SECONDS) for name in SAMPLE_STRESSORS)]


def python_results(item, answer):
    """{test: "ok", "skipped" or "failed"} of a module's XML."""
    found = {}
    try:
        cases = xml.etree.ElementTree.fromstring(answer.out).iter("testcase")
    except xml.etree.ElementTree.ParseError:
        return {f"{item}.whole": f"ended with {answer.status} and no results"}
    for case in cases:
        kinds = {child.tag for child in case}
        name = case.get("name").removeprefix("test.")
        found[name] = ("failed" if kinds & {"failure", "error"} else
                       "skipped" if "skipped" in kinds else "ok")
    return found


def stress_results(item, answer):
    """{item: "ok", "skipped", or what was wrong} of a stressor's lines."""
    lines = [line.split() for line in answer.out.decode(errors="replace").splitlines()]
    result = next((line for line in lines if line[:1] == ["result"]), None)
    left = ", ".join(f"{count} {name}" for word, name, count in
                     (line for line in lines if line[:1] == ["left"]))
    if not result:
        return {item: f"ended with {answer.status}"}
    if result[2] == "0" and result[3] == "0":
        return {item: f"left {left}" if left else "ok"}
    return {item: "skipped" if result[3] != "0" else f"failed with {result[2]}"}


def script(item):
    """The name of the script under tests/suites that runs it."""
    return item.argv[1].rpartition("/")[2]


RESULTS = {"python": python_results, "stress": stress_results}
NO_LEAKS = b"objects_left() { :; }\n"       # instead of the script `objects`
SUITES = {      # what is in them, and the recipe of the image
    "python": (python_items, "dev"), "stress": (stress_items, "dev"),
    "sample": (sample_items, "sample"),
}


class Store:
    """Linux's results: for an item the list of its runs."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, item):
        return self.folder / base.digest(FOLDER / script(item), *item.argv)

    def runs(self, item):
        path = self.path(item)
        return json.loads(path.read_text()) if path.exists() else []

    def add(self, item, results):
        runs = self.runs(item) + [results]
        with base.replacing(self.path(item)) as made:
            made.write_text(json.dumps(runs))


def summary(results):
    """How many tests did how; what was wrong with the only one."""
    if len(results) == 1:
        return next(iter(results.values()))
    how = collections.Counter(word if word in ("ok", "skipped") else "failed"
                              for word in results.values())
    return ", ".join(f"{count} {word}" for word, count in how.items())


def reference(runs):
    """The tests that passed every time."""
    passed = [{test for test, how in run.items() if how == "ok"} for run in runs]
    return set.intersection(*passed) if passed else set()


def known_differences():
    lines = (line.split("#")[0].strip() for line in (FOLDER / "expect").read_text().splitlines())
    return dict(line.split(None, 1) for line in lines if line)


def run_items(items, kernel, smp, image, done, leaks=True):
    """Run on a kernel; `done(item, results, answer)` for each as it ends."""
    by_name = {item.name: item for item in items}
    put = [(FOLDER / name, f"/run/suites/{name}") for name in RESULTS]
    put.append((FOLDER / "objects" if leaks else NO_LEAKS, "/run/suites/objects"))

    def note(name, answer):
        item = by_name[name]
        done(item, RESULTS[script(item)](name, answer), answer)

    batch.run(vm.Machine(kernel=kernel, root=image, smp=smp, mem="2G"), items, put, note,
              BOOTS_MAX)


class Score:
    """Compares results as they come, and counts."""

    def __init__(self, store, known):
        self.store, self.known = store, known
        self.counts = collections.Counter()

    def judge(self, item, results, answer):
        runs = self.store.runs(item)
        want = reference(runs)
        wrong = {test: results.get(test, "did not run") for test in sorted(want)
                 if results.get(test) != "ok"}
        failed = {test: how for test, how in wrong.items() if test not in self.known}
        failed.update({test: "passes, but stands in tests/suites/expect: take it off"
                       for test in want & self.known.keys() if test not in wrong})
        # A broken guest is wrong whatever Linux does.
        if not answer.status.isdigit():
            failed[item.name] = answer.status
        self.counts["reference"] += len(want)
        self.counts["passed"] += len(want) - len(wrong)
        self.counts["listed"] += len(wrong.keys() & self.known.keys())
        self.counts["failed"] += len(failed)
        print("FAIL" if failed else "ok", item.name, f"{len(want) - len(wrong)} of {len(want)}",
              f"(here: {summary(results)}; Linux: {len(runs)} runs)", flush=True)
        for test, how in failed.items():
            print(f"    {test}: {how}", flush=True)
        if failed:
            words = answer.err.decode(errors="replace").splitlines()[-WORDS_SHOWN:]
            print(*(f"    | {line}" for line in words), sep="\n", flush=True)

    def summary(self):
        return ("{passed} of the {reference} that pass on Linux pass here, {listed} differ as "
                "listed, {failed} are wrong").format_map(self.counts)


def add_options(parser):
    parser.add_argument("suite", choices=(*SUITES, "distro"))
    distro.add_options(parser)
    parser.add_argument("--runs", type=int, default=1, metavar="N")
    parser.add_argument("--log", type=pathlib.Path, metavar="FOLDER")
    parser.set_defaults(smp=4)


def ask_linux(items, args, image, store):
    """Add to Linux's runs until each item has as many as are wanted: all once, all twice..."""
    def add(item, results, answer):
        keep_log(args.log, item, answer)
        if not answer.status.isdigit():     # broken off
            print(f"{item.name}: {answer.status}", flush=True)
            return
        store.add(item, results)
        print(f"{item.name}: {summary(results)}", flush=True)

    for runs in range(args.runs):
        missing = [item for item in items if len(store.runs(item)) <= runs]
        if missing:
            base.say(f"asking Linux for {len(missing)} results")
            run_items(missing, "linux", args.smp, image, add)


def keep_log(folder, item, answer):
    """What it said, for who wants to know why."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / item.name).write_bytes(answer.err)


def main(args):
    if args.suite == "distro":
        return distro.judge(distro.DEV, args)
    build.for_kernel(args.kernel)
    build.ensure(["guest-init", "guest-batch"])
    items_of, recipe = SUITES[args.suite]
    image = rootfs.find(recipe)
    folder = base.cache_dir() / "answers" / rootfs.identity(recipe)
    items = [item for item in items_of(image, folder)
             if not args.name or re.search(args.name, item.name)]
    if not items:
        raise base.Usage(f"suites: nothing is named like {args.name}")
    if args.list:
        print(*(item.name for item in items), sep="\n")
        return 0
    store = Store(folder / "suites")
    ask_linux(items, args, image, store)
    if args.kernel == "linux":
        return 0
    score = Score(store, known_differences())

    def judge(item, results, answer):
        keep_log(args.log, item, answer)
        score.judge(item, results, answer)

    run_items(items, "lichen", args.smp, image, judge, leaks=args.suite != "sample")
    print(score.summary())
    return 1 if score.counts["failed"] else 0
