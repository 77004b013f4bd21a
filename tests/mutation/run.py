#!/usr/bin/env python3
"""Does the testing bite? Each deliberate bug of mutations.py is put into a copy of the tree,
which is then built and tested: a bug that no test notices is a failure here.

Usage: run.py SOURCE WORK [--sample N] [NAME-PART...]

WORK is kept for the next time. --sample N takes every so-many-th, N in all.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import time

from mutations import MUTATIONS, TESTS

TIMEOUT = 180


def say(text):
    print(text, flush=True)


def run(command, timeout=None, **options):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout, **options)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired:
        return -1, "it did not end"


def copy_tree(source, to):
    """What is in the work tree now; unchanged files keep their time, so little is rebuilt."""
    out = subprocess.run(["git", "-C", source, "ls-files", "--cached", "--others",
                          "--exclude-standard", "-z"], check=True, stdout=subprocess.PIPE).stdout
    names = [n.decode() for n in out.split(b"\0") if n]
    for name in names:
        old, new = pathlib.Path(source, name), pathlib.Path(to, name)
        if not old.is_file():
            continue
        new.parent.mkdir(parents=True, exist_ok=True)
        if not new.exists() or new.read_bytes() != old.read_bytes():
            shutil.copyfile(old, new)
            shutil.copymode(old, new)
    wanted = set(names)
    for path in pathlib.Path(to).glob("**/*.[chS]"):
        name = path.relative_to(to).as_posix()
        if not name.startswith("build/") and name not in wanted:
            path.unlink()


def build(build_dir, targets):
    return run(["ninja", "-C", str(build_dir), *targets])


def test(build_dir, name):
    program, arguments = TESTS[name]
    found = [p for p in (build_dir / "tests" / "sim" / program, build_dir / "tests" / "unit" / program)
             if p.exists()]
    if not found:
        sys.exit(f"no program {program} in {build_dir}")
    env = {**os.environ, "LLVM_PROFILE_FILE": "/dev/null"}
    return run([str(found[0]), *arguments], timeout=TIMEOUT, env=env)


def try_mutation(tree, build_dir, mutation):
    """'caught by ...', or a complaint that begins with '!'."""
    _, file, old, new, tests = mutation
    path = tree / file
    text = path.read_text()
    path.write_text(text.replace(old, new))
    try:
        for name in tests:
            status, out = build(build_dir, [TESTS[name][0]])
            if status:
                errors = [line for line in out.splitlines() if "error:" in line]
                return "! does not compile: " + (errors or ["?"])[0]
            status, out = test(build_dir, name)
            if status:
                return f"caught by {name}"
        return "! NOT CAUGHT by " + ", ".join(tests)
    finally:
        path.write_text(text)


def main():
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    source, work, *rest = sys.argv[1:]
    chosen = MUTATIONS
    if rest[:1] == ["--sample"]:
        step = max(1, len(MUTATIONS) // int(rest[1]))
        chosen, rest = MUTATIONS[::step][:int(rest[1])], rest[2:]
    if rest:
        chosen = [m for m in MUTATIONS if any(part in m[0] for part in rest)]
    stale = [m[0] for m in MUTATIONS if (pathlib.Path(source) / m[1]).read_text().count(m[2]) != 1]
    if stale:
        say("the text to change is not in the source once: " + "; ".join(stale))
        return 1
    tree = pathlib.Path(work) / "tree"
    build_dir = tree / "build"
    copy_tree(source, tree)
    status, out = run(["cmake", "-S", str(tree), "-B", str(build_dir), "-G", "Ninja"])
    targets = sorted({TESTS[name][0] for m in chosen for name in m[4]})
    if not status:
        status, out = build(build_dir, targets)
    if status:
        print(out[-3000:])
        return 1
    for name in sorted({name for m in chosen for name in m[4]}):
        status, out = test(build_dir, name)
        if status:
            say(f"{name} fails without any deliberate bug:\n{out[-2000:]}")
            return 1
    bad = 0
    for mutation in chosen:
        begun = time.monotonic()
        verdict = try_mutation(tree, build_dir, mutation)
        bad += verdict.startswith("!")
        say(f"{'FAIL' if verdict.startswith('!') else 'ok  '} {mutation[0]}: {verdict} "
            f"({time.monotonic() - begun:.0f} s)")
    say(f"{len(chosen)} deliberate bugs, {bad} not caught")
    return 1 if bad else 0


sys.exit(main())
