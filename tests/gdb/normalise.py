"""What may differ between two kernels in what gdb says: addresses and the numbers of processes.

normalise_test.py shows that a wrong value does not pass.
"""

import re

NUMBER = re.compile(r"((?:process|Process|LWP|pid|PID|made\.|TracerPid:\s) ?)(\d+)\b")
SHELL = re.compile(r"(line \d+:) +\d+ ")
ADDRESS = re.compile(r"0x[0-9a-f]{7,}|\b\d{12,15}\b")
COLUMNS = re.compile(r"(Target Id) +(Frame)")     # as wide as the numbers


def gdb(text):
    numbers = {}

    def rename(found):
        if found[2] == "0":
            return found[0]
        return f"{found[1]}N{numbers.setdefault(found[2], len(numbers))}"

    text = ADDRESS.sub("ADDR", text)
    text = COLUMNS.sub(r"\1 \2", text)
    text = SHELL.sub(r"\1 PID ", text)
    return NUMBER.sub(rename, text)
