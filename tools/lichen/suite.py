"""`./lichen test`: builds everything, then lets ctest run the tiers asked for.

A tier is a ctest label, so `ctest -L TIER` in the build tree is the same.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import tempfile

from . import base, build

# What a line of a test's output looks like that says what failed, in any of the tiers.
FAILURE = r"^\s*(FAIL|not ok|# \S+:\d+:|\[  FAILED|\S+:\d+: |panic|==\d+==|WARNING: Thread)"
REASONS_MAX = 10            # lines shown of each

LONG = ("mutation", "bench", "audit", "strace", "gdb", "suites", "soak")   # run when named, not by default


def ctest(*words):
    return ["ctest", "--test-dir", str(base.build_dir()), *words]


def listing():
    """Every test there is: name, command and labels."""
    done = subprocess.run(ctest("--show-only=json-v1"), stdout=subprocess.PIPE)
    tests = json.loads(done.stdout)["tests"] if done.returncode == 0 else []
    return [{"name": test["name"], "command": test.get("command", []),
             "labels": next((p["value"] for p in test.get("properties", [])
                             if p["name"] == "LABELS"), [])} for test in tests]


def reasons(log):
    """{failed test: the lines of its output that say what failed}, out of what ctest printed."""
    found, test = {}, None
    for line in log.splitlines():
        end = re.match(r"\s*\d+/\d+ Test +#\d+: (\S+) [. ]*(.*)", line)
        if end:
            test = None if end.group(2).startswith("Passed") else end.group(1)
            if test:
                found[test] = []
        elif test and re.search(FAILURE, line):
            found[test].append(line)
    return found


def show_failed(tests, log):
    """What failed, why, and how to run it once more: a long log's last lines."""
    why = reasons(log)
    for test in tests:
        if test["name"] in why:
            base.say(f"{test['name']} failed: {shlex.join(test['command'])}")
            for line in why[test["name"]][:REASONS_MAX]:
                base.say(f"  {line}")
            base.say(f"  again: ./lichen test -k {shlex.quote(test['name'])}")


def add_options(parser):
    parser.add_argument("tiers", nargs="*", metavar="TIER")
    parser.add_argument("-k", dest="name", metavar="NAME")


def choose(tests, args):
    """ctest's own options for what was asked for."""
    tiers = sorted({label for test in tests for label in test["labels"]})
    for tier in args.tiers:
        if tier not in tiers:
            raise base.Usage(f"there is no tier {tier}; there are: {' '.join(tiers)}")
    if args.tiers:
        return ["-L", "^(" + "|".join(map(re.escape, args.tiers)) + ")$"]
    return [] if args.name else ["-LE", "^(" + "|".join(LONG) + ")$"]


def main(args):
    build.ensure(shown=True)
    tests = listing()
    words = choose(tests, args)
    if args.name:
        words += ["-R", args.name]
    with tempfile.TemporaryDirectory(prefix="lichen-test-") as folder:
        log = pathlib.Path(folder) / "log"
        status = subprocess.run(ctest("--output-on-failure", "--no-tests=error", "--output-log",
                                      str(log), "--parallel", str(os.cpu_count()), *words),
                                env=dict(os.environ, **{build.BUILT: "1"})).returncode
        if status and log.exists():
            show_failed(tests, log.read_text(errors="replace"))
    return 1 if status else 0
