#!/usr/bin/env python3
"""Line coverage of the kernel's folders, out of what the tests that ran left behind.

Usage: coverage.py PROFDATA COV PROFILES_FOLDER PROGRAM...

Every *.profraw of the folder is merged; lines of a file count once, however many programs
contain it. The files least covered are listed.
"""
import collections
import json
import pathlib
import subprocess
import sys

FOLDERS = ["coro", "sched", "mem/phys", "mem/space", "vfs", "fs/ext4", "fs/tmpfs", "fs/overlayfs",
           "fs/procfs", "fs/devfs", "core/base", "core/proc", "core/dev", "syscalls"]


def main():
    if len(sys.argv) < 5:
        print(__doc__)
        return 2
    profdata, cov, folder, *programs = sys.argv[1:]
    raw = [str(p) for p in pathlib.Path(folder).glob("*.profraw") if p.stat().st_size]
    programs = [p for p in programs if pathlib.Path(p).exists()]
    if not raw or not programs:
        print("coverage: no profile yet; run the unit and sim tests first")
        return 0
    merged = str(pathlib.Path(folder) / "all.profdata")
    subprocess.run([profdata, "merge", "-sparse", "-o", merged, *raw], check=True,
                   stderr=subprocess.DEVNULL)
    objects = [programs[0], *[a for p in programs[1:] for a in ("-object", p)]]
    out = subprocess.run([cov, "export", "-summary-only", f"-instr-profile={merged}", *objects],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    lines = collections.defaultdict(lambda: [0, 0])
    files = []
    root = str(pathlib.Path(__file__).resolve().parents[2]) + "/"
    for entry in json.loads(out.stdout)["data"][0]["files"]:
        name = entry["filename"].removeprefix(root)
        for where in FOLDERS:
            if pathlib.PurePath(name).parent.as_posix() == where:
                summary = entry["summary"]["lines"]
                lines[where][0] += summary["covered"]
                lines[where][1] += summary["count"]
                files.append((summary["percent"], name, summary["count"]))
    print("line coverage:")
    for where in FOLDERS:
        covered, count = lines[where]
        if count:
            print(f"  {where:14} {100 * covered / count:5.1f} %  of {count}")
    print("least covered:")
    for percent, name, count in sorted(files)[:15]:
        print(f"  {name:32} {percent:5.1f} %  of {count}")
    return 0


sys.exit(main())
