"""What the host must have: the list is tools/packages."""

import os
import shutil
import subprocess
import sys

from . import base, debian

LIST = base.SOURCE / "tools/packages"


def wanted():
    """(package, program or None) for each line of the list."""
    found = []
    for line in LIST.read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            found.append((words[0], words[1] if len(words) > 1 else None))
    return found


def missing_packages(names):
    """Those of `names` that dpkg does not have."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *names],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    there = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("installed ")}
    return [name for name in names if name not in there]


def apt(*words):
    """Run apt-get as root, its progress on standard error."""
    root = [] if os.geteuid() == 0 else ["sudo"]
    argv = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", *words]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=sys.stderr,
                          stderr=subprocess.PIPE)
    sys.stderr.write(done.stderr.decode(errors="replace"))
    if debian.OFFLINE.search(done.stderr):
        raise base.Failure("the package mirror cannot be reached; is the network up?")
    if done.returncode != 0:
        raise base.Failure(f"apt-get {words[0]} failed (status {done.returncode})")


def install(names):
    if os.geteuid() != 0 and not shutil.which("sudo"):
        raise base.Failure("please install, as root: " + " ".join(names))
    base.say("installing " + " ".join(names))
    apt("update")
    apt("install", "-y", "--no-install-recommends", *names)


def ensure():
    """Install what is missing; on a system without apt say what that is."""
    names = [package for package, _ in wanted()]
    if shutil.which("apt-get") and shutil.which("dpkg-query"):
        missing = missing_packages(names)
        if missing:
            install(missing)
        return
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [p for p, program in wanted() if program and not shutil.which(program, path=path)]
    if missing:
        raise base.Failure("this system has no apt; please install what Debian calls "
                           + " ".join(missing))
