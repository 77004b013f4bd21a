#!/usr/bin/env python3
"""Two ext4 images for the simulation. The first: a pattern file, a few directories, a symbolic link.
The second has what is seldom seen: more groups than a block describes (meta_bg), a directory of
several blocks without an index; one whose names have the same hash on both sides of a block's end.
Two more are to be written to: an ext4 as mke2fs makes it, and an ext2. And one that a crash left: its
journal wants to be replayed, and its orphans to be finished.

Usage: make_disk.py MKE2FS E2FSCK IMAGE SECOND WRITTEN OLD LEFT
"""
import os
import pathlib
import struct
import sys
import tempfile

from images import debugfs, index_directories, make, map_by_blocks

PATTERN = 0x1e3779b97f4a7c15
WORDS = 24576
# The ends of names that begin with 190 n's: with this seed two each have the same hash, but for the
# last, which has the lowest. With it a block, which holds four, ends between two of them.
SAME_HASHES = ("0029a2", "0253e2", "003251", "0043f3", "012819", "0224a4", "0136f9", "023d29",
               "019526")


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


def make_second(mke2fs, e2fsck, image):
    with tempfile.TemporaryDirectory() as root:
        top = pathlib.Path(root)
        (top / "same").mkdir()
        for n in SAME_HASHES:
            (top / "same" / ("n" * 190 + n)).write_text(n)
        (top / "far").mkdir()
        for n in range(300):
            (top / "far" / f"file-with-a-longer-name-{n}").touch()
        (top / "large").write_bytes(bytes(range(256)) * 512)
        make(mke2fs, root, image, "-O", "meta_bg,^resize_inode,^has_journal", "-g", "256", "-N", "384",
             "-U", "00000000-0000-0000-0000-000000000003", "6144")
        index_directories(e2fsck, image)
        long = [f"symlink /linear/{'l' * 50}{n} target" for n in range(40)]
        debugfs(image, "mkdir /linear", *long)
        hashes = [line.split()[3].rstrip(",") for line in debugfs(image, "htree_dump /same").splitlines()
                  if line.startswith("Entry #")]
        assert any(int(h, 16) & 1 for h in hashes), hashes


def make_written(mke2fs, image, *options):
    """Directories at the edge of another form: one more name takes another block, an index, a split."""
    with tempfile.TemporaryDirectory() as root:
        top = pathlib.Path(root)
        for name, names in (("full", 16), ("indexed", 60)):
            (top / name).mkdir()
            for n in range(names):
                (top / name / f"a-name-of-fifty-bytes-or-so-that-fills-a-block-{n:03}").touch()
        (top / "file").write_bytes(bytes(range(256)) * 40)
        (top / "directory").mkdir()
        make(mke2fs, root, image, "-m", "0", *options)


def make_left(mke2fs, image):
    """Two transactions: one writes a block as it is, the other revokes one. A file without a name,
    and one that was being truncated."""
    with tempfile.TemporaryDirectory() as root:
        top = pathlib.Path(root)
        (top / "removed").write_bytes(bytes(range(256)) * 40)
        (top / "cut").write_bytes(bytes(range(256)) * 40)
        make(mke2fs, root, image, "-J", "size=1", "-O", "^orphan_file", "-N", "64",
             "-U", "00000000-0000-0000-0000-000000000006", "2560")
        inode = {name: int(debugfs(image, f"stat /{name}").split("Inode: ")[1].split()[0])
                 for name in ("removed", "cut")}
        block = int(debugfs(image, "blocks /").splitlines()[1].split()[0])
        with open(image, "rb") as f:
            f.seek(block * 1024)
            (top / "block").write_bytes(f.read(1024))
        debugfs(image, "unlink /removed", f"set_inode_field <{inode['removed']}> links_count 0",
                f"set_inode_field <{inode['removed']}> dtime {inode['cut']}",
                f"set_inode_field <{inode['cut']}> size 1000", "set_inode_field /cut dtime 0",
                f"set_super_value last_orphan {inode['removed']}")
        with open(image, "rb") as f:
            f.seek(block * 1024)
            (top / "block").write_bytes(f.read(1024))
        debugfs(image, "journal_open -c -v 3", f"journal_write -b {block} {top}/block",
                "journal_write -r 1500", "journal_close")


def main():
    mke2fs, e2fsck, image, second, written, old, left = sys.argv[1:]
    make_left(mke2fs, left + ".new")
    os.replace(left + ".new", left)
    make_written(mke2fs, written + ".new", "-O", "orphan_file,metadata_csum_seed", "-J", "size=1",
                 "-N", "256", "-U", "00000000-0000-0000-0000-000000000004", "4096")
    index_directories(e2fsck, written + ".new")
    os.replace(written + ".new", written)
    make_written(mke2fs, old + ".new", "-O",
                 "^has_journal,^extent,^64bit,^metadata_csum,^flex_bg,^dir_index,^orphan_file,^large_file",
                 "-g", "512",
                 "-N", "128", "-U", "00000000-0000-0000-0000-000000000005", "2048")
    os.replace(old + ".new", old)
    make_second(mke2fs, e2fsck, second + ".new")
    os.replace(second + ".new", second)
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
        make(mke2fs, root, temporary, "-O", "ea_inode", "-N", "600",
             "-U", "00000000-0000-0000-0000-000000000002", "3072")
        set_attributes(top, temporary)
        map_by_blocks(temporary, "/indirect")
        index_directories(e2fsck, temporary)
        os.replace(temporary, image)


main()
