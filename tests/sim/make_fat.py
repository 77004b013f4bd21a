#!/usr/bin/env python3
"""Two FAT images for the simulation to be written to: one of 12 bits with small clusters, one of 32.

In both are /file, and what is broken: /broken (its chain leads to a free cluster, the last one), /short (its chain
ends early), /longer (it goes on behind the file's end), /nowhere (a directory that begins at no cluster). In the first /file is in pieces, and
there are directories: /directory (of several clusters) and /directory/inner.

The second has fewer clusters than one of 32 bits should have, so mtools do not read it.

Usage: make_fat.py MKFS MCOPY MMD SMALL LARGE
"""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env={**os.environ, "MTOOLS_SKIP_CHECK": "1", "TZ": "UTC"})


class Image:
    def __init__(self, path):
        self.path = path
        self.data = bytearray(pathlib.Path(path).read_bytes())
        (self.sector, self.cluster, reserved, self.tables, root, _, _,
         size16) = struct.unpack_from("<HBHBHHBH", self.data, 11)
        self.bits = 12 if size16 else 32
        self.table = reserved * self.sector
        self.size = (size16 or struct.unpack_from("<I", self.data, 36)[0]) * self.sector
        self.root = self.table + self.tables * self.size
        self.start = self.root + root * 32
        self.last = (len(self.data) - self.start) // (self.cluster * self.sector) + 1
        if self.bits == 32:
            self.root += (struct.unpack_from("<I", self.data, 44)[0] - 2) * self.cluster * self.sector

    def entry(self, name):
        """The offset of a short name in the root's first cluster."""
        at = self.data.index(name.encode(), self.root)
        assert (at - self.root) % 32 == 0
        return at

    def first(self, at):
        return struct.unpack_from("<H", self.data, at + 26)[0]

    def get(self, n):
        if self.bits == 32:
            return struct.unpack_from("<I", self.data, self.table + 4 * n)[0]
        value = struct.unpack_from("<H", self.data, self.table + n * 3 // 2)[0]
        return value >> 4 if n % 2 else value & 0xfff

    def set(self, n, value):
        for copy in range(self.tables):
            base = self.table + copy * self.size
            if self.bits == 32:
                struct.pack_into("<I", self.data, base + 4 * n, value)
                continue
            at = base + n * 3 // 2
            old, = struct.unpack_from("<H", self.data, at)
            new = (old & 0xf) | value << 4 if n % 2 else (old & 0xf000) | value
            struct.pack_into("<H", self.data, at, new)

    def add(self, name, attr, data):
        """One more file in a root of 32 bits that has room, after all that is there."""
        at = next(at for at in range(self.root, self.root + 512, 32) if not self.data[at])
        first = next(n for n in range(2, 1000) if not self.get(n))
        count = (len(data) + 511) // 512
        for n in range(first, first + count):
            self.set(n, n + 1 if n + 1 < first + count else 0xfffffff)
        begin = self.start + (first - 2) * 512
        self.data[begin:begin + len(data)] = data
        struct.pack_into("<11sBBBHHHHHHHI", self.data, at, name.encode(), attr, 0, 0, 0, 0x5a21, 0x5a21,
                         0, 0, 0x5a21, first, len(data))

    def damage(self):
        end = 0xfff if self.bits == 12 else 0xfffffff
        self.set(self.first(self.entry("BROKEN  ")), self.last)
        self.set(self.get(self.first(self.entry("SHORT   "))), end)
        struct.pack_into("<H", self.data, self.entry("NOWHERE ") + 26, 0xfff0)
        struct.pack_into("<I", self.data, self.entry("LONGER  ") + 28, 600)

    def count_free(self):
        """What the information sector of 32 bits says is so."""
        if self.bits == 32:
            free = sum(not self.get(n) for n in range(2, self.last + 1))
            struct.pack_into("<I", self.data, self.sector + 488, free)

    def write(self):
        self.count_free()
        pathlib.Path(self.path).write_bytes(self.data)


def make_small(mkfs, mcopy, mmd, path):
    run(mkfs, "--invariant", "-n", "LABEL", "-F", "12", "-s", "1", "-r", "224", "-C", path, "256")
    mdel = os.path.join(os.path.dirname(mcopy), "mdel")
    with tempfile.TemporaryDirectory() as folder:
        one = pathlib.Path(folder) / "one"

        def copy(name, data):
            one.write_bytes(data)
            run(mcopy, "-i", path, str(one), "::" + name)

        run(mmd, "-i", path, "::directory", "::directory/inner", "::nowhere")
        for n in range(24):
            copy(f"directory/A rather long name for a file {n}", b"x" * n)
        for n in range(48):
            copy(f"piece{n}", b"p" * 512)
        for n in range(1, 48, 2):
            run(mdel, "-i", path, f"::piece{n}")
        copy("file", bytes(range(251)) * 40)
        for n in range(0, 48, 2):
            run(mdel, "-i", path, f"::piece{n}")
        copy("longer", b"l" * 3000)
        copy("broken", b"b" * 3000)
        copy("short", b"s" * 3000)
    image = Image(path)
    image.damage()
    image.write()


def make_large(mkfs, path):
    run(mkfs, "--invariant", "-n", "LABEL", "-F", "32", "-s", "1", "-C", path, "1024")
    image = Image(path)
    image.add("FILE       ", 0x20, bytes(range(251)) * 40)
    image.add("LONGER     ", 0x20, b"l" * 3000)
    image.add("BROKEN     ", 0x20, b"b" * 3000)
    image.add("SHORT      ", 0x20, b"s" * 3000)
    image.add("NOWHERE    ", 0x10, b"")
    image.damage()
    image.write()


def main():
    mkfs, mcopy, mmd, small, large = sys.argv[1:]
    for path in (small, large):
        pathlib.Path(path).unlink(missing_ok=True)
    make_small(mkfs, mcopy, mmd, small)
    make_large(mkfs, large)


main()
