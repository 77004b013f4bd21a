"""docs/syscalls.md: every arm64 system call and what becomes of it here.

Made from the dispatch table (syscalls/table.c), the kernel's own headers for the numbers,
docs/syscalls.notes for what a table cannot say, and tests/guest for who tests a call. Without
an option: is the page what would be made now? `--update` makes it.
"""

import argparse
import collections
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PAGE = SOURCE / "docs/syscalls.md"
NOTES = SOURCE / "docs/syscalls.notes"
KINDS = ("partial", "refused", "absent")
HEAD = """\
# System calls

Made by `tests/docs/syscalls.py --update` from the dispatch table, `docs/syscalls.notes` and the
guest's tests; a test compares. *full*: as on Linux. *partial*: with the difference. *refused*:
there, and answers the error that Linux gives for what is not configured. *absent*: ENOSYS, logged
once. A test is a program of `tests/guest` that names the call; what it expects, Linux meets.

"""


def numbers(clang, uapi):
    """Every call's name by its number, in order, as the headers have them."""
    done = subprocess.run([clang, "--target=aarch64-linux-gnu", "-nostdinc", f"-isystem{uapi}",
                           "-E", "-dM", "-x", "c", "-"], input="#include <asm/unistd.h>\n",
                          capture_output=True, text=True, check=True)
    defined = dict(re.findall(r"^#define __NR(?:3264)?_(\w+) (\S+)$", done.stdout, re.M))
    calls = {}
    for name, value in defined.items():
        while not value.isdigit():
            value = defined.get(re.sub(r"^__NR(3264)?_", "", value), "")
            if not value:
                break
        if value and name not in ("syscalls", "arch_specific_syscall"):
            # The 64-bit machines' own names: those of no other's size.
            calls.setdefault(int(value), name)
    return dict(sorted(calls.items()))


def table():
    """The names in the dispatch table."""
    text = (SOURCE / "syscalls/table.c").read_text()
    text = re.search(r"#define CALLS\(P, A, B\)(.*?)\n\n", text, re.S).group(1)
    return set(re.findall(r"\b[PAB]\((\w+)\)", text))


def notes():
    """{name: (kind, reason)}; a line `kind name[, name...]: reason`."""
    found = {}
    for line in NOTES.read_text().splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        kind, names, reason = re.fullmatch(r"(\w+) ([\w, ]+): (.+)", line).groups()
        if kind not in KINDS:
            sys.exit(f"docs/syscalls.notes: {kind} is none of {' '.join(KINDS)}")
        found.update((name.strip(), (kind, reason)) for name in names.split(","))
    return found


def tests():
    """{call: names of the guest programs whose source names it}, libc's wrappers included."""
    found = collections.defaultdict(list)
    for path in sorted((SOURCE / "tests/guest").glob("*.c")):
        for word in set(re.findall(r"\b(?:SYS_|__NR_)?(\w+)\s*[(,)]", path.read_text())):
            found[word].append(path.stem)
    return found


# Calls that programs reach by a function of another name.
WRAPPERS = {
    "newfstatat": "fstatat", "pread64": "pread", "pwrite64": "pwrite", "ppoll": "poll",
    "pselect6": "select", "dup3": "dup2", "getdents64": "readdir", "rt_sigaction": "sigaction",
    "rt_sigprocmask": "sigprocmask", "rt_sigpending": "sigpending", "signalfd4": "signalfd",
    "rt_sigsuspend": "sigsuspend", "rt_sigtimedwait": "sigtimedwait", "eventfd2": "eventfd",
    "rt_sigqueueinfo": "sigqueue", "exit_group": "exit", "wait4": "waitpid", "mknodat": "mkfifo",
    "openat": "open", "unlinkat": "unlink", "mkdirat": "mkdir", "renameat": "rename",
    "linkat": "link", "symlinkat": "symlink", "readlinkat": "readlink", "fchmodat": "chmod",
    "fchownat": "chown", "faccessat": "access", "faccessat2": "faccessat", "clone": "fork",
    "utimensat": "futimens", "umount2": "umount", "prlimit64": "prlimit", "pipe2": "pipe",
    "getrlimit": "getrlimit", "epoll_pwait": "epoll_wait", "inotify_init1": "inotify_init",
    "epoll_create1": "epoll_create", "execve": "execv", "setitimer": "alarm",
}


def page(clang, uapi):
    there, said, tested = table(), notes(), tests()
    calls = numbers(clang, uapi)
    unknown = sorted((there | set(said)) - set(calls.values()))
    if unknown:
        sys.exit(f"no arm64 call has these names: {' '.join(unknown)}")
    rows, count = [], collections.Counter()
    for number, name in calls.items():
        kind, reason = said.get(name, ("full" if name in there else "absent", ""))
        if (kind == "absent") == (name in there):
            sys.exit(f"docs/syscalls.notes calls {name} {kind}; the dispatch table does not")
        by = sorted(set(tested[name]) | set(tested[WRAPPERS.get(name, name)]))
        count[kind] += 1
        count["tested"] += bool(by) and kind in ("full", "partial")
        rows.append(f"| {number} | {name} | {kind} | {' '.join(by)} | {reason} |")
    total = (f"{count['full']} full, {count['partial']} partial, {count['refused']} refused and "
             f"{count['absent']} absent of {len(calls)}; {count['tested']} of those that work have "
             "a guest test.\n\n")
    return (HEAD + total + "| number | call | here | tests | difference, or why not |\n"
            "|---:|---|---|---|---|\n" + "\n".join(rows) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("clang")
    parser.add_argument("uapi")
    parser.add_argument("--update", action="store_true")
    args = parser.parse_args()
    made = page(args.clang, args.uapi)
    if args.update:
        PAGE.write_text(made)
    elif not PAGE.exists() or PAGE.read_text() != made:
        sys.exit("docs/syscalls.md is not what the dispatch table says; again:\n"
                 f"  python3 {pathlib.Path(__file__).relative_to(SOURCE)} {args.clang} "
                 f"{args.uapi} --update")


if __name__ == "__main__":
    main()
