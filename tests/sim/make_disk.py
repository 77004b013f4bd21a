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
    (top / "large").write_bytes(bytes(range(32, 127)) * 50)
    commands.append(f"ea_set -f {top}/large /pattern user.large")
    debugfs(image, *commands)


def debugfs(image, *commands):
    return subprocess.run([shutil.which("debugfs") or "/sbin/debugfs", "-w", "-f", "-", image],
                          input="\n".join(commands) + "\n", text=True, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def map_by_blocks(image, name):
    """As ext2 had it: the 13th block of a file names those behind it, which leaves it 20."""
    listed = debugfs(image, f"blocks {name}").splitlines()
    blocks = [int(word) for word in listed[1].split()]
    assert len(blocks) == 21
    with open(image, "r+b") as f:
        f.seek(blocks[12] * 1024)
        f.write(struct.pack("<8I", *blocks[13:]).ljust(1024, b"\0"))
    fields = [("flags", 0), ("size", 20 * 1024)]
    fields += [(f"block[{n}]", block) for n, block in enumerate(blocks[:12])]
    fields += [("block[IND]", blocks[12]), ("block[DIND]", 0), ("block[TIND]", 0)]
    debugfs(image, *(f"set_inode_field {name} {field} {value}" for field, value in fields))


def main():
    mke2fs, e2fsck, image = sys.argv[1:]
    with tempfile.TemporaryDirectory() as root:
        top = pathlib.Path(root)
        words = (k * PATTERN & (1 << 64) - 1 for k in range(WORDS))
        (top / "pattern").write_bytes(struct.pack(f"<{WORDS}Q", *words))
        (top / "directory" / "inner").mkdir(parents=True)
        (top / "directory" / "inner" / "file").write_text("hello\n")
        (top / "directory" / "inner" / "file").chmod(0o755)
        (top / "indirect").write_bytes(bytes(range(256)) * 84)
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
        subprocess.run([mke2fs, "-q", "-F", "-t", "ext4", "-O", "ea_inode", "-d", root,
                        "-b", "1024", "-N", "600",
                        "-E", "hash_seed=00000000-0000-0000-0000-000000000001",
                        "-U", "00000000-0000-0000-0000-000000000002", temporary, "3072"],
                       check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1750000000"})
        set_attributes(top, temporary)
        map_by_blocks(temporary, "/indirect")
        # Directories get their index; 1: it changed something, as it was asked to.
        if subprocess.run([e2fsck, "-fyD", temporary], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode not in (0, 1):
            sys.exit("make_disk: e2fsck failed")
        os.replace(temporary, image)


main()
