"""`./lichen suites strace`: strace's own tests, Debian 12's, on Linux and here.

They are built once for arm64, against Debian 12's C library and with the kernel headers they bring;
the programs and scripts are kept in the cache as a tar file. Results are kept line by line as they
come, Linux's in the cache and ours in the build tree by the kernel they are of, so that what was
interrupted goes on. Linux is asked about what does not pass here; `--kernel linux` asks it about
all. What passes there and not here fails, unless tests/suites/expect.strace gives the reason.
"""

import collections
import fnmatch
import json
import os
import pathlib
import re
import tarfile

from . import base, batch, build, debian, distro, rootfs, vm

FOLDER = base.SOURCE / "tests/suites"
EXPECT = FOLDER / "expect.strace"
RECIPE = "dev"
SUITE = "bookworm"
PACKAGES = ("libc6-dev", "linux-libc-dev", "libgcc-12-dev")
# Runs as mmdebstrap's hook, beside the packages it unpacks.
SOURCE = r"""
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
cd "$1"
sed 's/^deb /deb-src /' etc/apt/sources.list > etc/apt/sources.list.d/source.list
apt-get -q update
mkdir source
cd source
apt-get -q source --download-only strace
"""
TARGET = "aarch64-linux-gnu"
CONFIGURE = ("--host=" + TARGET, "--build=x86_64-linux-gnu", "--enable-bundled=yes",
             "--enable-mpers=no", "--disable-gcc-Werror", "CC_FOR_BUILD=clang-19",
             "CFLAGS=-O1 -g0 -w", "LDFLAGS=-s", "AR=llvm-ar-19", "RANLIB=llvm-ranlib-19")
WANTED = ("src/strace", "src/config.h", "src/strace-log-merge")
NOT_WANTED = (".c", ".h", ".o", ".a", ".am")
NO_UNWINDER = "strace-k"    # tests of what is not built in
LIMIT = 600                 # seconds for a test
# What is in a script that runs hundreds of programs, or strace a thousand times: when asked for.
LONG = (b"\ntest_trace_expr ", b"/qualify_personality", b"\ncheck_syscall()")
LONG_LIMIT = 7200
BOOTS_MAX = 40
SKIPPED = "77"


def collect(source, objects, out):
    """The tar file of what running the tests takes: all of it in src/ and tests/."""
    with tarfile.open(out, "w") as tar:
        for tree in (source, objects):
            paths = [path for path in (tree / "tests").iterdir() if path.suffix not in NOT_WANTED]
            for path in sorted(paths) + [tree / name for name in WANTED]:
                if path.is_file():
                    tar.add(path, str(path.relative_to(tree)))


def make(out):
    """Fetch strace's source and what it is built against, build it, and pack it as `out`."""
    tar = debian.fetch("strace-source", PACKAGES, (SOURCE,), SUITE)
    scratch = out.parent
    debian.unpack(tar, scratch / "root")
    source, objects = scratch / "strace", scratch / "objects"
    source.mkdir()
    objects.mkdir()
    archive = next((scratch / "root/source").glob("strace_*.orig.tar.?z"))
    base.run(["tar", "-x", "-f", archive, "-C", source, "--strip-components=1"], "unpacking")
    compiler = f"CC=clang-19 --target={TARGET} --sysroot={scratch}/root -fuse-ld=lld"
    base.say("building strace's tests, once: some minutes")
    base.run([source / "configure", *CONFIGURE, compiler], "configuring strace", cwd=objects)
    base.run(["make", f"-j{os.cpu_count()}", "check", "TESTS="], "building strace", cwd=objects)
    collect(source, objects, out)


def ensure():
    """The tar file of the tests, from the cache or made now."""
    recipe = base.digest(SUITE, *PACKAGES, SOURCE, *CONFIGURE, TARGET)
    tar = base.cache_dir() / f"strace-tests-{recipe}.tar"
    with base.locked(tar):
        if not tar.exists():
            with base.replacing(tar) as made:
                make(made)
    return tar


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


def run(kernel, names, args, tree, results):
    """Run tests on a kernel; their results are added as they come."""
    limit = LONG_LIMIT if args.long else LIMIT
    items = [batch.Item(name, ["/bin/bash", "/run/suites/strace", name], limit)
             for name in names]
    put = [(FOLDER / "strace", "/run/suites/strace"), (tree, "/run/strace")]

    def note(name, answer):
        if args.log:
            folder = args.log / kernel
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(answer.err)
        if answer.status != batch.NOT_RUN:
            # A host with much to do is no reason: what took too long is tried again.
            results.add(name, how_of(answer), keep=answer.status != batch.LIMIT)
            print(kernel, name, results.found[name], flush=True)

    machine = vm.Machine(kernel=kernel, root=rootfs.find(RECIPE), smp=args.smp, mem="2G")
    batch.run(machine, items, put, note, BOOTS_MAX)


def unpacked(tar):
    """The tests as a folder of the build tree."""
    tree = base.build_dir() / tar.stem
    with base.locked(tree):
        if not tree.exists():
            with base.replacing(tree) as made:
                made.mkdir()
                base.run(["tar", "-x", "-f", tar, "-C", made], "unpacking strace's tests")
    return tree


def tests(tree):
    """{name: does it take long?}"""
    return {path.name.removesuffix(".test"): any(word in path.read_bytes() for word in LONG)
            for path in sorted((tree / "tests").glob("*.test"))
            if not path.name.startswith(NO_UNWINDER)}


def known_differences():
    lines = (line.split("#")[0].strip() for line in EXPECT.read_text().splitlines())
    return dict(line.split(None, 1) for line in lines if line)


def report(names, ours, linux):
    """The figures, and what differs; how many differ that are not listed."""
    known, listed, wrong = known_differences(), set(), []
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
    wrong += [f"{pattern}: nothing differs that it stands for: take it off {EXPECT.name}"
              for pattern in known.keys() - listed
              if any(fnmatch.fnmatchcase(name, pattern) for name in names)]
    for line in wrong:
        print("FAIL", line)
    return len(wrong)


def add_options(parser):
    parser.add_argument("suite", choices=("strace",))
    distro.add_options(parser)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--log", type=pathlib.Path, metavar="FOLDER")
    parser.set_defaults(smp=2)


def main(args):
    build.for_kernel(args.kernel)
    build.ensure(["guest-init", "guest-batch"])
    tar = ensure()
    tree = unpacked(tar)
    names = [name for name, long in tests(tree).items()
             if (args.long or not long) and re.search(args.name or "", name)]
    if args.list:
        print(*names, sep="\n")
        return 0
    linux = Results(base.cache_dir() / "answers" / rootfs.identity(RECIPE) / tar.stem)
    ours = Results(base.build_dir() / "suites" /
                   f"{tar.stem}-{base.digest(base.build_dir() / 'lichen.Image')}")
    if args.fresh:
        (linux if args.kernel == "linux" else ours).found.clear()
    if args.kernel != "linux":
        run("lichen", [name for name in names if name not in ours.found], args, tree, ours)
    run("linux", [name for name in names if name not in linux.found and
                  (args.kernel == "linux" or ours.found.get(name) != "passed")], args, tree, linux)
    return 1 if report(names, ours.found, linux.found) else 0
