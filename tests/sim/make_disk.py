#!/usr/bin/env python3
"""An ext4 image for the simulation: a pattern file, a few directories, a symbolic link.

Usage: make_disk.py MKE2FS IMAGE
"""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

PATTERN = 0x1e3779b97f4a7c15
WORDS = 24576


def main():
    mke2fs, image = sys.argv[1:]
    with tempfile.TemporaryDirectory() as root:
        top = pathlib.Path(root)
        words = (k * PATTERN & (1 << 64) - 1 for k in range(WORDS))
        (top / "pattern").write_bytes(struct.pack(f"<{WORDS}Q", *words))
        (top / "directory" / "inner").mkdir(parents=True)
        (top / "directory" / "inner" / "file").write_text("hello\n")
        (top / "link").symlink_to("directory/inner/file")
        for n in range(40):
            (top / "directory" / f"entry{n}").write_text(str(n))
        temporary = image + ".new"
        subprocess.run([mke2fs, "-q", "-F", "-t", "ext4", "-d", root, "-b", "1024", "-E",
                        "hash_seed=00000000-0000-0000-0000-000000000001", "-U",
                        "00000000-0000-0000-0000-000000000002", temporary, "2048"],
                       check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1750000000"})
        os.replace(temporary, image)


main()
