"""Puts names to the kernel's addresses in a report."""

import bisect
import re
import subprocess

from . import base

ADDRESS = re.compile(r"\b(?:0x)?(ffff[0-9a-f]{12})\b")
NM = ("llvm-nm-19", "llvm-nm", "nm")


def read_symbols(elf):
    """(addresses, names) of the functions in an ELF file, sorted; nothing if unreadable."""
    for program in NM:
        try:
            text = subprocess.run([program, "-n", "--defined-only", str(elf)],
                                  capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            continue
        found = [line.split() for line in text.splitlines()]
        found = [(int(words[0], 16), words[2]) for words in found
                 if len(words) == 3 and words[1] in "tT" and not words[2].startswith("$")]
        return [address for address, _ in found], [name for _, name in found]
    return [], []


def symbolised(lines, elf=None):
    """The lines with " <function+offset>" behind each kernel address."""
    addresses, names = read_symbols(elf or base.build_dir() / "lichen.elf")

    def name(match):
        at = bisect.bisect_right(addresses, int(match.group(1), 16)) - 1
        if at < 0:
            return match.group(0)
        offset = int(match.group(1), 16) - addresses[at]
        return f"{match.group(0)} <{names[at]}+{offset:#x}>" if offset < 1 << 16 else match.group(0)

    return [ADDRESS.sub(name, line) for line in lines]
