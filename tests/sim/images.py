"""What makes images for the simulation: mke2fs, debugfs and e2fsck, and what these leave to be done by
hand."""
import os
import re
import shutil
import struct
import subprocess
import sys

HASH_SEED = "00000000-0000-0000-0000-000000000001"


def debugfs(image, *commands):
    return subprocess.run([shutil.which("debugfs") or "/sbin/debugfs", "-w", "-f", "-", image],
                          input="\n".join(commands) + "\n", text=True, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def make(mke2fs, root, image, *options):
    *options, blocks = options
    subprocess.run([mke2fs, "-q", "-F", "-t", "ext4", "-d", root, "-b", "1024",
                    "-E", "hash_seed=" + HASH_SEED, *options, image, blocks], check=True,
                   env={**os.environ, "SOURCE_DATE_EPOCH": "1750000000"})


def index_directories(e2fsck, image):
    """Directories get their index; 1: it changed something, as it was asked to."""
    if subprocess.run([e2fsck, "-fyD", image], stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL).returncode not in (0, 1):
        sys.exit("make_disk: e2fsck failed")


def crc32c(crc, data):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc


class Blocks:
    """An image's blocks of 1 KiB."""

    def __init__(self, image, uuid):
        self.image = image
        self.seed = crc32c(0xffffffff, bytes.fromhex(uuid.replace("-", "")))

    def read(self, block):
        with open(self.image, "rb") as f:
            f.seek(block * 1024)
            return bytearray(f.read(1024))

    def write(self, block, data):
        assert len(data) == 1024
        with open(self.image, "r+b") as f:
            f.seek(block * 1024)
            f.write(data)

    def stat(self, name, field):
        return int(re.search(field + r": *(\d+)", debugfs(self.image, f"stat {name}")).group(1))

    def of_file(self, name):
        """Data and metadata, in the order of debugfs."""
        return [int(word) for word in debugfs(self.image, f"blocks {name}").splitlines()[1].split()]


def map_by_blocks(image, name, backwards=False):
    """As ext2 had it: the 13th block of a file names those behind it, which leaves it 20."""
    blocks = Blocks(image, "").of_file(name)
    assert len(blocks) == 21
    data = blocks[:12] + blocks[13:]
    if backwards:
        data.reverse()
    with open(image, "r+b") as f:
        f.seek(blocks[12] * 1024)
        f.write(struct.pack("<8I", *data[12:]).ljust(1024, b"\0"))
    fields = [("flags", 0), ("size", 20 * 1024)]
    fields += [(f"block[{n}]", block) for n, block in enumerate(data[:12])]
    fields += [("block[IND]", blocks[12]), ("block[DIND]", 0), ("block[TIND]", 0)]
    debugfs(image, *(f"set_inode_field {name} {field} {value}" for field, value in fields))
