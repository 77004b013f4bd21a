"""Tests that somebody's source package brings, on Linux and here.

They are built once for arm64 against Debian's C library and the kernel headers it has; what running
them takes is kept in the cache as a tar file. Results are kept line by line as they come, Linux's
in the cache and ours in the build tree by the kernel they are of, so that what was interrupted
goes on. Linux is asked about what does not pass here; `--kernel linux` asks it about all. What
passes there and not here fails, unless tests/suites/expect.NAME gives the reason.

`--sample` is those that tests/suites/NAME.sample lists, in an image that is quickly made: quick
enough to be run each time. Each of them has to pass here, and on Linux, which is asked about all.
"""

import collections
import fnmatch
import json
import pathlib
import re

from . import base, batch, build, debian, distro, rootfs, vm

FOLDER = base.SOURCE / "tests/suites"
TARGET = "aarch64-linux-gnu"
# Runs as mmdebstrap's hook, beside the packages it unpacks.
SOURCE = r"""
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
cd "$1"
sed 's/^deb /deb-src /' etc/apt/sources.list > etc/apt/sources.list.d/source.list
apt-get -q update
mkdir source
cd source
apt-get -q source --download-only NAME
"""
BOOTS_MAX = 40
SKIPPED = "77"


class Suite:
    """What differs between suites; one derives from it for each."""

    name = package = None       # ours; the source package
    release = debian.SUITE      # Debian's, that has it
    packages = ()               # what it is built against
    flags = ()                  # how it is built: what `build` depends on
    image = sample_image = "debian"     # the recipes it and its sample run in
    limit, long_limit = 600, 7200       # seconds for a test

    def build(self, root, source, scratch, out):
        """Build what is unpacked at `source` against `root`, and pack what is run as `out`."""
        raise NotImplementedError

    def tests(self, tree):
        """{name: does it take long?}"""
        raise NotImplementedError

    def hook(self):
        return SOURCE.replace("NAME", self.package)

    def make(self, out):
        """Fetch the source and what it is built against, build it, and pack it as `out`."""
        tar = debian.fetch(f"{self.package}-source", self.packages, (self.hook(),), self.release)
        scratch = out.parent
        debian.unpack(tar, scratch / "root")
        source = scratch / self.package
        source.mkdir()
        archive = next((scratch / "root/source").glob(f"{self.package}_*.orig.tar.?z"))
        base.run(["tar", "-x", "-f", archive, "-C", source, "--strip-components=1"], "unpacking")
        base.say(f"building {self.package}'s tests, once: some minutes")
        self.build(scratch / "root", source, scratch, out)

    def ensure(self):
        """The tar file of the tests, from the cache or made now."""
        recipe = base.digest(self.release, *self.packages, self.hook(), *self.flags, TARGET)
        tar = base.cache_dir() / f"{self.package}-tests-{recipe}.tar"
        with base.locked(tar):
            if not tar.exists():
                with base.replacing(tar) as made:
                    self.make(made)
        return tar

    def expectations(self):
        return FOLDER / f"expect.{self.name}"

    def sample(self):
        return FOLDER / f"{self.name}.sample"

    def item(self, name, long):
        """The same script of tests/suites for each."""
        return batch.Item(name, ["/bin/bash", f"/run/suites/{self.name}", name],
                          self.long_limit if long else self.limit)

    def put(self, tree):
        return [(FOLDER / self.name, f"/run/suites/{self.name}"), (tree, f"/run/{self.name}")]


class Results:
    """A file of results, a line for each: {test: how} with the last one of each."""

    def __init__(self, path):
        self.path, self.found = path, {}
        if path.exists():
            for line in path.read_text().splitlines():
                self.found.update(json.loads(line))

    def add(self, name, how, keep):
        self.found[name] = how
        if not keep:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a") as out:
            out.write(json.dumps({name: how}) + "\n")


def how_of(answer):
    return {"0": "passed", SKIPPED: "skipped"}.get(answer.status, f"failed ({answer.status})")


def recipe(suite, args):
    return suite.sample_image if args.sample else suite.image


def run(suite, kernel, names, args, tree, results):
    """Run tests on a kernel; their results are added as they come."""
    items = [suite.item(name, args.long) for name in names]

    def note(name, answer):
        if args.log:
            folder = args.log / kernel
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(answer.err)
        if answer.status != batch.NOT_RUN:
            # A host with much to do is no reason: what took too long is tried again.
            results.add(name, how_of(answer), keep=answer.status != batch.LIMIT)
            print(kernel, name, results.found[name], flush=True)

    machine = vm.Machine(kernel=kernel, root=rootfs.find(recipe(suite, args)), smp=args.smp,
                         mem="2G")
    batch.run(machine, items, suite.put(tree), note, BOOTS_MAX)


def unpacked(tar):
    """The tests as a folder of the build tree."""
    tree = base.build_dir() / tar.stem
    with base.locked(tree):
        if not tree.exists():
            with base.replacing(tree) as made:
                made.mkdir()
                base.run(["tar", "-x", "-f", tar, "-C", made], "unpacking tests")
    return tree


def lines_of(path):
    """A list's lines, without comments."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def known_differences(suite):
    return dict(line.split(None, 1) for line in lines_of(suite.expectations()))


def names_of(suite, tree, args):
    """The tests that are asked for."""
    tests = suite.tests(tree)
    if args.sample:
        names = lines_of(suite.sample())
        for name in names:
            if name not in tests:
                raise base.Failure(f"{suite.sample().name}: there is no test {name}")
    else:
        names = [name for name, long in tests.items() if args.long or not long]
    return [name for name in names if re.search(args.name or "", name)]


def report(suite, names, ours, linux):
    """The figures, and what differs; how many differ that are not listed."""
    known, listed, wrong = known_differences(suite), set(), []
    for kernel, results in (("lichen", ours), ("linux", linux)):
        counts = collections.Counter(results[name].split()[0] for name in names if name in results)
        print(kernel, *(f"{count} {how}" for how, count in sorted(counts.items())), sep=", ")
    for name in names:
        here = ours.get(name, "did not run")
        broken = here in ("failed (panic)", "failed (hang)")    # wrong whatever Linux does
        if here == "passed" or linux.get(name) != "passed" and not broken:
            continue
        pattern = next((pattern for pattern in known if fnmatch.fnmatchcase(name, pattern)), None)
        if pattern and not broken:
            listed.add(pattern)
        else:
            wrong.append(f"{name}: {here}")
    wrong += [f"{pattern}: nothing differs that it stands for: take it off"
              f" {suite.expectations().name}" for pattern in known.keys() - listed
              if any(fnmatch.fnmatchcase(name, pattern) for name in names)]
    for line in wrong:
        print("FAIL", line)
    return len(wrong)


def report_sample(_suite, names, ours, linux):
    """How many did not pass on both."""
    wrong = [name for name in names if (ours.get(name), linux.get(name)) != ("passed", "passed")]
    for name in wrong:
        print(f"FAIL {name}: here {ours.get(name)}, on Linux {linux.get(name)}")
    print(f"{len(names) - len(wrong)} of {len(names)} pass here and on Linux")
    return len(wrong)


def add_options(parser):
    parser.add_argument("suite")
    distro.add_options(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--long", action="store_true")
    which.add_argument("--sample", action="store_true")
    parser.add_argument("--log", type=pathlib.Path, metavar="FOLDER")
    parser.set_defaults(smp=2)


def main(suite, args):
    build.for_kernel(args.kernel)
    build.ensure(["guest-init", "guest-batch"])
    tar = suite.ensure()
    tree = unpacked(tar)
    names = names_of(suite, tree, args)
    if args.list:
        print(*names, sep="\n")
        return 0
    linux = Results(base.cache_dir() / "answers" / rootfs.identity(recipe(suite, args)) / tar.stem)
    ours = Results(base.build_dir() / "suites" / recipe(suite, args) /
                   f"{tar.stem}-{base.digest(base.build_dir() / 'lichen.Image')}")
    if args.fresh or args.sample and args.kernel != "linux":
        (linux if args.kernel == "linux" else ours).found.clear()
    if args.kernel != "linux":
        run(suite, "lichen", [name for name in names if name not in ours.found], args, tree, ours)
    run(suite, "linux", [name for name in names if name not in linux.found and
                         (args.kernel == "linux" or args.sample or
                          ours.found.get(name) != "passed")],
        args, tree, linux)
    judge = report_sample if args.sample else report
    return 1 if judge(suite, names, ours.found, linux.found) else 0
