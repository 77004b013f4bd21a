"""Is docs/read-path.md true? Samples a reader's coroutine backtrace in the guest while it waits
for the disk, and looks for the one on that page."""

import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
WAITS = "blk_batch_wait"
# Read what is not cached yet, and look at the reader as often as possible.
SCRIPT = """
cat /usr/bin/* /usr/sbin/* /usr/lib/aarch64-linux-gnu/*.so* > /dev/null &
reader=$!
while kill -0 $reader 2> /dev/null; do
    echo sample
    cat /proc/$reader/stack 2> /dev/null
done
true     # what the reader met is not the question
"""


def documented():
    page = (SOURCE / "docs/read-path.md").read_text()
    return re.search(r"^```\n(.*?)^```", page, re.M | re.S).group(1).split("\n")[:-1]


def sampled():
    done = subprocess.run([SOURCE / "lichen", "exec", "--smp", "2", "--timeout", "240", "--",
                           "/bin/bash", "-c", SCRIPT], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"the guest's script ended with status {done.returncode}")
    for sample in done.stdout.split("sample\n"):
        yield [f"{name} {file}"
               for name, file in re.findall(r"^\[<0>\] (\w+) ([\w/.]+):\d+$", sample, re.M)]


def main():
    page, seen = documented(), list(sampled())
    if page in seen:
        return
    waiting = [stack for stack in seen if stack and stack[0].startswith(WAITS)]
    print(f"no sample of {len(seen)} is the backtrace of docs/read-path.md:")
    print("\n".join(page))
    print("a reader that waits for the disk looked like this:")
    print("\n".join(waiting[-1] if waiting else ["(none was caught)"]))
    sys.exit(1)


if __name__ == "__main__":
    main()
