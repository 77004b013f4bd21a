"""A dump of a guest's memory as gdb wants it: by the kernel's own addresses.

QEMU's `dump-guest-memory` writes an ELF file of physical memory and each CPU's registers. The same
bytes are written again here with program headers that say where our kernel has them: all of
memory in its direct map, its image, and each CPU's stack.
"""

import pathlib
import re
import shutil
import struct
import subprocess

from . import base, symbols

OFFSETS = base.SOURCE / "hal/arm64/offsets.h"
LOAD, NOTE = 1, 4
HEADER, PROGRAM_HEADER = "<16sHHIQQQIHHHHHH", "<IIQQQQQQ"
SEARCH_STEP = 0x1000


def constants():
    """The numbers of offsets.h that are plain."""
    found = re.findall(r"^#define\s+(\w+)\s+(0x[0-9a-fA-F]+|\d+)\b", OFFSETS.read_text(), re.M)
    return {name: int(value, 0) for name, value in found}


class Elf:
    """The headers of an ELF file of 64 bits."""

    def __init__(self, path):
        self.file = open(path, "rb")
        data = self.file.read(64)
        if data[:5] != b"\x7fELF\x02":
            self.file.close()
            raise base.Failure(f"{path} is no ELF file of 64 bits")
        self.header = list(struct.unpack(HEADER, data))
        at, size, count = self.header[5], self.header[9], self.header[10]
        self.file.seek(at)
        table = self.file.read(size * count)
        self.programs = [struct.unpack_from(PROGRAM_HEADER, table, n * size)
                         for n in range(count)]

    def read(self, at, size):
        self.file.seek(at)
        return self.file.read(size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


class Memory:
    """Physical memory in a dump."""

    def __init__(self, dump):
        self.dump = dump
        self.parts = [(physical, size, at) for kind, _, at, _, physical, size, _, _
                      in dump.programs if kind == LOAD]

    def file_offset(self, physical, size):
        """Where in the file that much from there is."""
        for start, length, at in self.parts:
            if start <= physical and physical + size <= start + length:
                return at + physical - start
        raise base.Failure(f"the dump does not have physical address {physical:#x}")

    def find(self, start_of):
        """The physical address where the kernel's image begins."""
        for start, length, at in self.parts:
            for step in range(0, length, SEARCH_STEP):
                if self.dump.read(at + step, len(start_of)) == start_of:
                    return start + step
        raise base.Failure("the dump does not hold this kernel")


def image(elf_path):
    """(address of its start, its first bytes, its size in memory)."""
    with Elf(elf_path) as elf:
        loads = [p for p in elf.programs if p[0] == LOAD]
        start = loads[0][3]
        return start, elf.read(loads[0][2], 256), max(p[3] + p[6] for p in loads) - start


def stacks_address(elf_path):
    for program in symbols.NM:
        if shutil.which(program):
            text = subprocess.run([program, str(elf_path)], capture_output=True, text=True,
                                  check=True).stdout
            return next(int(line.split()[0], 16) for line in text.splitlines()
                        if line.endswith(" stacks"))
    raise base.Failure("no nm to read the kernel's symbols with")


def segments(memory, elf_path):
    """(virtual address, file offset, size) of everything the kernel sees."""
    known = constants()
    start, first, size = image(elf_path)
    physical = memory.find(first)
    found = [(known["DIRECT_BASE"] + at, offset, length) for at, length, offset in memory.parts]
    found.append((start, memory.file_offset(physical, size), size))
    inside = physical + stacks_address(elf_path) - start
    stack, slot = known["STACK_SIZE"], known["STACK_SLOT"]
    for cpu in range(sum(1 for _ in prstatus(memory.dump))):
        found.append((known["STACK_BASE"] + (cpu + 1) * slot - stack,
                      memory.file_offset(inside + cpu * stack, stack), stack))
    return found


def prstatus(dump):
    """Each CPU's registers: a note of QEMU's."""
    for kind, _, at, _, _, size, _, _ in dump.programs:
        notes, here = dump.read(at, size) if kind == NOTE else b"", 0
        while here + 12 <= len(notes):
            name, content, what = struct.unpack_from("<III", notes, here)
            here += 12 + (name + 3 & ~3) + (content + 3 & ~3)
            if what == 1:
                yield here


def convert(path, elf_path, to):
    """Write the dump at `path` again, for gdb."""
    with Elf(path) as dump:
        header = dump.header
        new = [p for p in dump.programs if p[0] == NOTE]
        new += [(LOAD, 7, offset, virtual, 0, size, size, SEARCH_STEP)
                for virtual, offset, size in segments(Memory(dump), elf_path)]
    shutil.copyfile(path, to)
    with open(to, "r+b") as out:
        end = pathlib.Path(path).stat().st_size + 15 & ~15
        out.seek(end)
        for program in new:
            out.write(struct.pack(PROGRAM_HEADER, *program))
        header[5], header[9], header[10] = end, struct.calcsize(PROGRAM_HEADER), len(new)
        out.seek(0)
        out.write(struct.pack(HEADER, *header))
