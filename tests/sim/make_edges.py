#!/usr/bin/env python3
"""Two ext4 images for the simulation to be written to, at edges that are far away.

The first has 64 small groups, few of which were ever used. /large has a tree of extents of two levels,
each leaf full, and blocks in 46 groups; /names an index whose root is full; /apart blocks that lie
backwards; /one and /two share a block of attributes.

The second was left by a crash: a file of orphans with one that was removed and one that was being
cut, and a list whose only inode says that it has blocks behind the end of the file system.

Usage: make_edges.py MKE2FS E2FSCK EDGES ORPHANS
"""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

from images import Blocks, crc32c, debugfs, index_directories, make, map_by_blocks

EDGES_UUID = "00000000-0000-0000-0000-000000000007"
ORPHANS_UUID = "00000000-0000-0000-0000-000000000008"
EXTENTS = 340		# more than four leaves have
NAMES = 492		# four in each leaf that a root can name, and that is 123


def write_large(path):
    """Runs of 33 blocks with a hole behind each."""
    with open(path, "wb") as f:
        for n in range(EXTENTS):
            f.seek(n * 34 * 1024)
            f.write(bytes([1 + n % 250]) * 33 * 1024)


def share_attributes(image):
    debugfs(image, *(f"ea_set {name} user.shared {'v' * 300}" for name in ("/one", "/two")))
    blocks = Blocks(image, EDGES_UUID)
    kept, other = (blocks.stat(name, "File ACL") for name in ("/one", "/two"))
    data = blocks.read(kept)
    struct.pack_into("<I", data, 4, 2)	# who has it
    struct.pack_into("<I", data, 16, 0)
    struct.pack_into("<I", data, 16, crc32c(crc32c(blocks.seed, struct.pack("<Q", kept)), data))
    blocks.write(kept, data)
    debugfs(image, f"set_inode_field /two file_acl {kept}", f"freeb {other}")


def make_edges(mke2fs, e2fsck, image):
    with tempfile.TemporaryDirectory() as root:
        top = pathlib.Path(root)
        write_large(top / "large")
        for name in ("one", "two"):
            (top / name).touch()
        (top / "apart").write_bytes(b"a" * 21 * 1024)
        (top / "names").mkdir()
        (top / "names" / f"{0:0240}").touch()
        for n in range(1, NAMES):
            os.link(top / "names" / f"{0:0240}", top / "names" / f"{n:0240}")
        make(mke2fs, root, image, "-m", "0", "-g", "256", "-N", "1024", "-J", "size=1", "-U", EDGES_UUID, "16384")
    map_by_blocks(image, "/apart", backwards=True)
    share_attributes(image)
    index_directories(e2fsck, image)
    tree = debugfs(image, "ex -n /large").splitlines()
    assert tree[2].split()[:2] == ["0/", "2"], tree[:4]
    dump = debugfs(image, "htree_dump /names")
    assert "Indirect levels: 0" in dump and "Number of entries (count): 123" in dump, dump[:600]
    checked = subprocess.run([e2fsck, "-fn", image], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True, check=False)
    if checked.returncode:
        sys.exit("make_edges: " + checked.stdout)


def enter_orphans(image, *inodes):
    """Into the first block of their file."""
    blocks = Blocks(image, ORPHANS_UUID)
    number = int(debugfs(image, "stats").split("Orphan file inode:")[1].split()[0])
    block = blocks.of_file(f"<{number}>")[0]
    seed = crc32c(crc32c(blocks.seed, struct.pack("<I", number)),
                  struct.pack("<I", blocks.stat(f"<{number}>", "Generation")))
    data = blocks.read(block)
    magic, checksum = struct.unpack_from("<II", data, 1016)
    assert magic == 0x0b10ca04
    assert checksum == crc32c(crc32c(seed, struct.pack("<Q", block)), data[:1016])
    struct.pack_into(f"<{len(inodes)}I", data, 0, *inodes)
    struct.pack_into("<I", data, 1020, crc32c(crc32c(seed, struct.pack("<Q", block)), data[:1016]))
    blocks.write(block, data)
    debugfs(image, "feature orphan_present needs_recovery")


def make_orphans(mke2fs, image):
    names = ("removed", "cut", "outside")
    with tempfile.TemporaryDirectory() as root:
        for name in names:
            (pathlib.Path(root) / name).write_bytes(bytes(range(256)) * 40)
        make(mke2fs, root, image, "-J", "size=1", "-O", "orphan_file", "-N", "64", "-U", ORPHANS_UUID, "2560")
    inode = {name: Blocks(image, ORPHANS_UUID).stat(f"/{name}", "Inode") for name in names}
    debugfs(image, "unlink /removed", f"set_inode_field <{inode['removed']}> links_count 0",
            "set_inode_field /cut size 1000", "set_inode_field /outside size 1000",
            "set_inode_field /outside block[5] 100000",	# where the first extent begins
            f"set_super_value last_orphan {inode['outside']}")
    enter_orphans(image, inode["removed"], inode["cut"])


def main():
    mke2fs, e2fsck, edges, orphans = sys.argv[1:]
    make_edges(mke2fs, e2fsck, edges + ".new")
    os.replace(edges + ".new", edges)
    make_orphans(mke2fs, orphans + ".new")
    os.replace(orphans + ".new", orphans)


main()
