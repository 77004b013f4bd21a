"""What the compiler needs of Debian's arm64: build/sysroot and build/uapi.

    sysroot       headers and libraries for guest programs
    uapi/include  the kernel's user-space headers and nothing else, for the kernel
"""

import os
import shutil

from . import base, debian

PACKAGES = ("libc6-dev", "linux-libc-dev", "libgcc-14-dev", "libfdt-dev", "libcmocka-dev")
# linux-libc-dev once more, on its own: that is uapi/include.
ALONE = ('dpkg-deb -x "$1"/var/cache/apt/archives/linux-libc-dev_*.deb "$1/uapi"',)
TRIPLET = "aarch64-linux-gnu"


def take_uapi(package, include):
    """Turn the unpacked linux-libc-dev into one plain include directory."""
    source = package / "usr/include"
    include.mkdir(parents=True)
    for entry in sorted(source.iterdir()):
        if "-linux-gnu" not in entry.name:
            shutil.copytree(entry, include / entry.name)
    for entry in sorted((source / TRIPLET).iterdir()):
        shutil.copytree(entry, include / entry.name, dirs_exist_ok=True)


def ensure():
    """Make build/sysroot and build/uapi unless they are there and current."""
    sysroot, uapi = base.build_dir() / "sysroot", base.build_dir() / "uapi"
    stamp = base.build_dir() / "sysroot.stamp"
    with base.locked(sysroot):
        tar = debian.fetch("sysroot", PACKAGES, ALONE)
        if stamp.exists() and stamp.read_text() == tar.name and sysroot.is_dir() and uapi.is_dir():
            return sysroot
        stamp.unlink(missing_ok=True)
        with base.replacing(sysroot) as made:
            debian.unpack(tar, made)
            os.symlink("usr/lib", made / "lib")
            with base.replacing(uapi) as include:
                take_uapi(made / "uapi", include / "include")
            shutil.rmtree(made / "uapi")
        stamp.write_text(tar.name)
    return sysroot
