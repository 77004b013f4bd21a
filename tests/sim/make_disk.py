#!/usr/bin/env python3
"""An ext4 image for the simulation: a pattern file, a few directories, a symbolic link.

Usage: make_disk.py MKE2FS E2FSCK IMAGE
"""
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

PATTERN = 0x1e3779b97f4a7c15
WORDS = 24576


def set_attributes(top, image):
    """Attributes in the inode and in a block of its own; a program's capabilities."""
    (top / "long").write_bytes(bytes(range(32, 127)) * 7)
    (top / "cap").write_bytes(struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))
    commands = [f"ea_set {name} user.x abc" for name in ("/pattern", "/directory/entry3")]
    commands += [f"ea_set -f {top}/long {name} user.long"
                 for name in ("/pattern", "/directory/entry4", "/directory")]
    commands.append(f"ea_set -f {top}/cap /directory/inner/file security.capability")
    debugfs = shutil.which("debugfs") or "/sbin/debugfs"
    subprocess.run([debugfs, "-w", "-f", "-", image], input="\n".join(commands) + "\n", text=True,
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    mke2fs, e2fsck, image = sys.argv[1:]
    with tempfile.TemporaryDirectory() as root:
        top = pathlib.Path(root)
        words = (k * PATTERN & (1 << 64) - 1 for k in range(WORDS))
        (top / "pattern").write_bytes(struct.pack(f"<{WORDS}Q", *words))
        (top / "directory" / "inner").mkdir(parents=True)
        (top / "directory" / "inner" / "file").write_text("hello\n")
        (top / "link").symlink_to("directory/inner/file")
        for n in range(40):
            (top / "directory" / f"entry{n}").write_text(str(n))
        (top / "many").mkdir()
        for n in range(300):
            (top / "many" / f"entry-with-a-longer-name-{n}").write_text(str(n))
        (top / "longlink").symlink_to("directory/" * 12 + "entry1")
        with open(top / "sparse", "wb") as f:
            for n in range(6):
                f.seek(n * 70000)
                f.write(b"data")
        temporary = image + ".new"
        subprocess.run([mke2fs, "-q", "-F", "-t", "ext4", "-d", root, "-b", "1024", "-N", "600",
                        "-E", "hash_seed=00000000-0000-0000-0000-000000000001", "-U",
                        "00000000-0000-0000-0000-000000000002", temporary, "3072"],
                       check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1750000000"})
        set_attributes(top, temporary)
        # Directories get their index; 1: it changed something, as it was asked to.
        if subprocess.run([e2fsck, "-fyD", temporary], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode not in (0, 1):
            sys.exit("make_disk: e2fsck failed")
        os.replace(temporary, image)


main()
