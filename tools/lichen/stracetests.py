"""`./lichen suites strace`: strace's own tests, Debian 12's, on Linux and here."""

import os
import tarfile

from . import base, sourcesuite

WANTED = ("src/strace", "src/config.h", "src/strace-log-merge")
NOT_WANTED = (".c", ".h", ".o", ".a", ".am")
NO_UNWINDER = "strace-k"    # tests of what is not built in
# What is in a script that runs hundreds of programs, or strace a thousand times: when asked for.
LONG = (b"\ntest_trace_expr ", b"/qualify_personality", b"\ncheck_syscall()")


def collect(source, objects, out):
    """The tar file of what running the tests takes: all of it in src/ and tests/."""
    with tarfile.open(out, "w") as tar:
        for tree in (source, objects):
            paths = [path for path in (tree / "tests").iterdir() if path.suffix not in NOT_WANTED]
            for path in sorted(paths) + [tree / name for name in WANTED]:
                if path.is_file():
                    tar.add(path, str(path.relative_to(tree)))


class Strace(sourcesuite.Suite):
    """Programs and scripts that compare what strace says with what they did."""

    name = package = "strace"
    release = "bookworm"
    packages = ("libc6-dev", "linux-libc-dev", "libgcc-12-dev")
    flags = ("--host=" + sourcesuite.TARGET, "--build=x86_64-linux-gnu", "--enable-bundled=yes",
             "--enable-mpers=no", "--disable-gcc-Werror", "CC_FOR_BUILD=clang-19",
             "CFLAGS=-O1 -g0 -w", "LDFLAGS=-s", "AR=llvm-ar-19", "RANLIB=llvm-ranlib-19")
    image = "dev"

    def build(self, root, source, scratch, out):
        objects = scratch / "objects"
        objects.mkdir()
        compiler = f"CC=clang-19 --target={sourcesuite.TARGET} --sysroot={root} -fuse-ld=lld"
        base.run([source / "configure", *self.flags, compiler], "configuring strace", cwd=objects)
        base.run(["make", f"-j{os.cpu_count()}", "check", "TESTS="], "building strace",
                 cwd=objects)
        collect(source, objects, out)

    def tests(self, tree):
        return {path.name.removesuffix(".test"): any(word in path.read_bytes() for word in LONG)
                for path in sorted((tree / "tests").glob("*.test"))
                if not path.name.startswith(NO_UNWINDER)}
