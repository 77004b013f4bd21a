"""`./lichen suites uring`: liburing's own tests, Debian 13's, on Linux and here."""

import os
import tarfile

from . import base, sourcesuite

SUFFIX = ".t"
# They are what they are built with a sanitizer for.
WITH_SANITIZER = "xfail_"
# What takes minutes on Linux under emulation, at its own pace or by its sheer number of requests.
LONG = ()


class Uring(sourcesuite.Suite):
    """Programs that each say by their status whether all went well."""

    name, package = "uring", "liburing"
    packages = ("libc6-dev", "linux-libc-dev", "libgcc-14-dev")
    flags = ("CFLAGS=-O1 -g0 -w", "AR=llvm-ar-19", "RANLIB=llvm-ranlib-19",
             "CXX=true")     # the one in C++ is not built: that would take its library
    limit, long_limit = 120, 1200

    def build(self, root, source, scratch, out):
        (root / "lib").symlink_to("usr/lib")    # where the C library's linker script says it is
        compiler = f"clang-19 --target={sourcesuite.TARGET} --sysroot={root} -fuse-ld=lld"
        make = ["make", f"-j{os.cpu_count()}", *self.flags]
        base.run([source / "configure", f"--cc={compiler}", "--cxx=false"],
                 "configuring liburing", cwd=source)
        base.run([*make, "-C", "src", "ENABLE_SHARED=0", "liburing.a"], "building liburing",
                 cwd=source)
        base.run([*make, "-C", "test", "LDFLAGS=-s"], "building its tests", cwd=source)
        with tarfile.open(out, "w") as tar:
            for path in sorted((source / "test").glob("*" + SUFFIX)):
                tar.add(path, path.name)

    def tests(self, tree):
        return {path.stem: path.stem in LONG for path in sorted(tree.glob("*" + SUFFIX))
                if not path.name.startswith(WITH_SANITIZER)}
