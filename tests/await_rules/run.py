#!/usr/bin/env python3
"""The mistakes that must be refused, and by which tool; each with a twin that must pass.

Usage: run.py CLANG FLAGS_FILE VIEWS PROVIDER_INCLUDE CMAKE [NAME...]

A case is NAME.bad.c and NAME.good.c. The second line of the bad one says
"refused by TOOL: REGEX": TOOL is compiler, analyzer, lint or configure, and what that tool
prints must match. The good one must pass all of them. "compiler as FOLDER" compiles with what
that folder may see.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LINT = HERE.parent / "lint" / "lint.py"


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


class Tools:
    def __init__(self, clang, flags_file, views, provider, cmake):
        flags = pathlib.Path(flags_file).read_text().split("\n")
        self.base = [clang, *[f for f in flags if f], f"-I{provider}"]
        self.views = pathlib.Path(views)
        self.cmake = cmake

    def compiler(self, path, folder="all"):
        return run([*self.base, f"-I{self.views / folder}", "-fsyntax-only", str(path)])

    def analyzer(self, path, folder="all"):
        status, out = run([*self.base, f"-I{self.views / folder}", "--analyze",
                           "--analyzer-output", "text", "-Xclang", "-analyzer-werror",
                           "-o", "/dev/null", str(path)])
        return status, out

    def lint(self, path, folder="all"):
        return run([sys.executable, str(LINT), "--one", str(path)])

    def configure(self, path, folder="all"):
        with tempfile.TemporaryDirectory() as tree:
            script = pathlib.Path(tree) / "CMakeLists.txt"
            script.write_text(
                "cmake_minimum_required(VERSION 3.25)\nproject(case NONE)\n"
                f"set(CMAKE_C_COMPILER {self.base[0]})\n"
                f"include({HERE.parent.parent}/cmake/kernel.cmake)\n" + path.read_text())
            return run([self.cmake, "-S", tree, "-B", tree + "/build"])


def expectation(path):
    found = re.search(r"refused by (\w+)(?: as (\w+))?: (.*?)(?: \*/)?$", path.read_text(), re.M)
    if not found:
        sys.exit(f"{path}: no 'refused by TOOL: REGEX' line")
    return found[1], found[2] or "all", found[3]


def check(tools, bad):
    tool, folder, text = expectation(bad)
    good = bad.with_name(bad.name.replace(".bad.", ".good."))
    status, out = getattr(tools, tool)(bad, folder)
    problems = []
    if status == 0:
        problems.append(f"{bad.name} was not refused by the {tool}")
    elif not re.search(text, out):
        problems.append(f"{bad.name} was refused by the {tool}, but not with '{text}':\n{out}")
    passing = ["configure"] if tool == "configure" else ["compiler", "analyzer", "lint"]
    for each in passing:
        status, out = getattr(tools, each)(good, folder)
        if status:
            problems.append(f"{good.name} did not pass the {each}:\n{out}")
    return tool, problems


def main():
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    tools = Tools(*sys.argv[1:6])
    names = sys.argv[6:]
    failed = 0
    for bad in sorted([*HERE.glob("*.bad.c"), *HERE.glob("*.bad.cmake")]):
        name = bad.name.split(".")[0]
        if names and name not in names:
            continue
        tool, problems = check(tools, bad)
        print(f"{'FAIL' if problems else 'ok  '} {name:18} refused by the {tool}")
        for each in problems:
            print("     " + each)
        failed += bool(problems)
    return 1 if failed else 0


sys.exit(main())
