"""offsets.py NM VDSO HEADER: write the offsets of the vDSO that the kernel needs."""

import pathlib
import subprocess
import sys

nm, vdso, header = sys.argv[1:]
symbols = {}
table = subprocess.run([nm, "-D", vdso], check=True, capture_output=True, text=True).stdout
for line in table.splitlines():
    address, _, name = line.split()
    symbols[name.split("@")[0]] = address
path = pathlib.Path(header)
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(f"#define VDSO_SIGRETURN 0x{symbols['__kernel_rt_sigreturn']}\n")
