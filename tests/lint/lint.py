#!/usr/bin/env python3
"""Style rules that a compiler does not check, as a ratchet.

Usage: lint.py ROOT [--update]     the whole tree against tests/lint/known
       lint.py --one FILE          one file, no known findings

`known` lists what is left from before: "RULE FILE COUNT". More than that fails, and so does
less: lower the number (--update does), so that it never rises again.

  local        a coroutine's local initialised before CO_BEGIN
  address      the address of a coroutine's local given to what outlives a poll
  lock         a lock named through a pointer
  conditional  #if in a .c file outside hal/
  prefix       a public function whose name does not begin with its file's or folder's
  hal          a public name in hal/*.h that does not begin with hal_ or HAL_
  shared       a field used with atomics that is not marked [a]
  columns, function, file: 100 columns, 70 lines, 500 lines (a tenth over is let pass)
  include      .. in an include
  unused       a header that nothing includes
"""
import collections
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
FOLDERS = ["hal", "core", "mem", "coro", "sched", "vfs", "fs", "syscalls"]
MAX_COLUMNS, MAX_FUNCTION, MAX_FILE = 100, 77, 550

Finding = collections.namedtuple("Finding", "rule path line text")

FUNCTION = re.compile(r"^(?!#|typedef|struct \w+ \{|enum|union)(?P<head>[A-Za-z_][^;{}=]*?\b"
                      r"(?P<name>\w+)\s*\((?P<args>[^;{}]*)\)[^;{}=]*)\n\{\n(?P<body>.*?)^\}",
                      re.M | re.S)
COROUTINE = re.compile(r"co_t\s+\w+\(struct co \*co, struct \w+ \*f\)")


def without_comments(text):
    def blank(found):
        return re.sub(r"[^\n]", " ", found[0])
    text = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
    return re.sub(r"//[^\n]*", blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def columns(line):
    return len(line.expandtabs(8))


DECLARATION = re.compile(r"^\t(?:const |static |unsigned |struct |enum |volatile )*\w+"
                         r"(?:\s+\*?|\s*\*+)(?P<rest>\w[^;()]*);", re.M)
LOCAL_INIT = re.compile(r"^\t(?!static )(?:const )?(?:struct |enum |unsigned )?\w+[ *]+(\w+)[^;,(]*="
                        r"\s*([^;]*)", re.M)
# A pointer found again from the frame or the task at every entry is not lost.
FOUND_AGAIN = re.compile(r"(?:\w+\()*(?:co|&?f->[\w.>-]+)\)*(?:->\w+)*(?:, \w+ \*?\w+ = .*)?$", re.S)


def locals_of(body):
    head = body.split("CO_BEGIN", 1)[0]
    names = set()
    for found in DECLARATION.finditer(head):
        for part in found["rest"].split(","):
            name = re.match(r"\s*\*?\s*(\w+)", part)
            if name:
                names.add(name[1])
    return names


def await_arguments(body):
    """The argument lists of whatever outlives the poll."""
    for found in re.finditer(r"\b(CO_(?:AWAIT|AWAIT_OP|SPAWN|WAIT\w*|LOCK|SLEEP\w*)"
                             r"|waitq_enlist|timer_arm|list_add_\w+)\s*\(", body):
        depth, at = 1, found.end()
        while at < len(body) and depth:
            depth += {"(": 1, ")": -1}.get(body[at], 0)
            at += 1
        yield found.end(), body[found.end():at - 1]


def check_coroutine(path, text, start, body):
    head = body.split("CO_BEGIN", 1)[0]
    for found in LOCAL_INIT.finditer(head):
        if "*" in found[0].split("=")[0] and FOUND_AGAIN.match(found[2].strip()):
            continue
        yield Finding("local", path, line_of(text, start + found.start()),
                      f"{found[1]} is initialised before CO_BEGIN")
    for name in locals_of(body):
        places = [(at + m.start()) for at, arguments in await_arguments(body)
                  for m in re.finditer(rf"&{name}\b(?!->)", arguments)]
        places += [m.start() for m in re.finditer(rf"f->[\w.>-]+\s*=\s*&{name}\b(?!->)", body)]
        for at in places:
            yield Finding("address", path, line_of(text, start + at),
                          f"address of local {name} given to what outlives the poll")


def prefixes(path, stems):
    """What a public function of this file may begin with: its file's name, that of the header
    in the same folder that declares it, the folder's, or the first word of those."""
    words = {path.name.split(".")[0], path.parent.name, *stems.get(path.parent, ())}
    return [w + "_" for each in words for w in (each, each.replace("_", ""), each.split("_")[0])]


def check_functions(path, text, code, stems):
    for found in FUNCTION.finditer(code):
        start = found.start("body")
        lines = found["body"].count("\n")
        at = line_of(code, found.start())
        if lines > MAX_FUNCTION:
            yield Finding("function", path, at, f"{found['name']} has {lines} lines")
        if COROUTINE.search(found["head"]):
            yield from check_coroutine(path, code, start, found["body"])
        public = not re.search(r"\bstatic\b", found["head"])
        if not public or path.suffix != ".c" or "hal" in path.parts[:1]:
            continue
        name = found["name"]
        if name in ("memcpy", "memmove", "memset", "main") or path.parts[0] == "syscalls":
            continue
        if path.name in ("memory.c", "string.c", "format.c", "kmalloc.c"):
            continue
        if not name.startswith(tuple(prefixes(path, stems))) and name != path.stem:
            yield Finding("prefix", path, at, f"{name} does not begin with its file's name")


def check_file(path, text, stems):
    code = without_comments(text)
    in_hal = path.parts[:1] == ("hal",)
    lines = text.split("\n")
    if len(lines) > MAX_FILE:
        yield Finding("file", path, len(lines), f"{len(lines)} lines")
    for n, line in enumerate(lines, 1):
        if columns(line) > MAX_COLUMNS:
            yield Finding("columns", path, n, f"{columns(line)} columns")
        if re.match(r'\s*#\s*include\s*["<].*\.\./', line):
            yield Finding("include", path, n, ".. in an include")
    for found in re.finditer(r"^\s*#\s*(if|ifdef|ifndef)\b", code, re.M):
        if path.suffix == ".c" and not in_hal:
            yield Finding("conditional", path, line_of(code, found.start()), "#if in a .c file")
    for found in re.finditer(r"\bspin_(?:lock|trylock|unlock)\((?!&)\s*\w", code):
        if path.name != "spinlock.h":
            yield Finding("lock", path, line_of(code, found.start()),
                          "lock named through a pointer")
    if path.suffix == ".h" and path.parent == pathlib.Path("hal"):
        yield from check_hal_names(path, code)
    yield from check_functions(path, text, code, stems)


def check_hal_names(path, code):
    if path.name == "types.h":
        return
    for found in re.finditer(r"^#define (\w+)|^(?!#|static|struct|enum|typedef|extern)[\w \*\[\]]*?"
                             r"\b(\w+)\([^;{]*\);|^(?:struct|enum) (\w+) \{", code, re.M):
        name = found[1] or found[2] or found[3]
        if not name.lower().startswith("hal_"):
            yield Finding("hal", path, line_of(code, found.start()), f"{name} lacks hal_")


def check_shared(files):
    """Fields that are used with atomics are marked [a] where they are declared."""
    used = collections.defaultdict(set)
    for path, text in files.items():
        for found in re.finditer(r"\batomic_\w+\(&[\w>.\[\]-]*?->(\w+)\s*[,)]",
                                 without_comments(text)):
            used[found[1]].add(path.parent)
    # Names alone do not tell whose field it is: only those that a folder declares once.
    declared = collections.Counter()
    for path, text in files.items():
        if path.suffix == ".h":
            for found in re.finditer(r"^\t[^\n;()]*?\b(\w+)(?:\[\w+\])?;", text, re.M):
                declared[path.parent, found[1]] += 1
    for path, text in files.items():
        if path.suffix != ".h":
            continue
        for n, line in enumerate(text.split("\n"), 1):
            found = re.match(r"\t(?!return|if|for)(?:const )?(?:struct |enum |unsigned )?\w+[ *]+"
                             r"(\w+)(?:\[\w+\])?(?:, \*?\w+)*;\s*(/\*.*)?$", line)
            if not found or found[1] not in used or path.parent not in used[found[1]]:
                continue
            if declared[path.parent, found[1]] > 1:
                continue
            above = text.split("\n")[max(0, n - 4):n - 1]
            if not re.search(r"\[\w*a\w*\]|under |refcount", line + " ".join(above)):
                yield Finding("shared", path, n, f"{found[1]} is used with atomics: mark it [a]")


def check_unused(root, files):
    included = set()
    for path in [*root.glob("**/*.[chS]")]:
        if any(p.startswith("build") for p in path.relative_to(root).parts):
            continue
        for found in re.finditer(r'#\s*include\s*"([^"]+)"', path.read_text(errors="replace")):
            included.add(found[1])
    for path in files:
        if path.suffix == ".h" and path.as_posix() not in included and path.name not in included:
            yield Finding("unused", path, 1, "nothing includes this header")


def tree(root):
    files = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).glob("**/*.[ch]")):
            files[path.relative_to(root)] = path.read_text(errors="replace")
    return files


def read_known():
    known = {}
    path = HERE / "known"
    for line in path.read_text().splitlines() if path.exists() else []:
        if line and not line.startswith("#"):
            rule, name, count = line.split()
            known[rule, name] = int(count)
    return known


def write_known(counts):
    with open(HERE / "known", "w") as to:
        to.write("# RULE FILE COUNT: findings that are left; see lint.py. Numbers only fall.\n")
        for (rule, name), count in sorted(counts.items()):
            to.write(f"{rule} {name} {count}\n")


def main():
    if sys.argv[1:2] == ["--one"] and len(sys.argv) == 3:
        path = pathlib.Path(sys.argv[2])
        found = list(check_file(pathlib.Path("one") / path.name, path.read_text(), {}))
        for f in found:
            print(f"{path}:{f.line}: {f.rule}: {f.text}")
        return 1 if found else 0
    if len(sys.argv) < 2 or not pathlib.Path(sys.argv[1]).is_dir():
        print(__doc__)
        return 2
    root = pathlib.Path(sys.argv[1])
    files = tree(root)
    stems = collections.defaultdict(set)
    for path in files:
        if path.suffix == ".h":
            stems[path.parent].add(path.stem)
    findings = [f for path, text in files.items() for f in check_file(path, text, stems)]
    findings += [*check_shared(files), *check_unused(root, files)]
    counts = collections.Counter((f.rule, f.path.as_posix()) for f in findings)
    if "--update" in sys.argv:
        write_known(counts)
        return 0
    known = read_known()
    bad = 0
    for key in sorted({*counts, *known}):
        if counts[key] > known.get(key, 0):
            bad = 1
            for f in findings:
                if (f.rule, f.path.as_posix()) == key:
                    print(f"{f.path}:{f.line}: {f.rule}: {f.text}")
        elif counts[key] < known[key]:
            bad = 1
            print(f"{key[1]}: {key[0]}: only {counts[key]} left of {known[key]}: "
                  "lower it (lint.py . --update)")
    print(f"lint: {len(files)} files, {sum(counts.values())} known findings left"
          if not bad else "lint: failed")
    return bad


sys.exit(main())
