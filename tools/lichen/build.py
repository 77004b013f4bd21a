"""Configures and builds the one build tree, one process at a time."""

import os
import subprocess
import sys

from . import base, host

# Set for the tests: all is built by then, and they must not build beside each other.
BUILT = "LICHEN_BUILT"


def step(argv, what, shown):
    """Run one step of the build; unless shown, its output appears only when it fails."""
    if not shown:
        base.run(argv, what)
        return
    if subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode != 0:
        raise base.Failure(f"{what} failed")


def ensure(targets=(), shown=False):
    """Build `targets` (all if none are named)."""
    if os.environ.get(BUILT):
        return
    host.ensure()
    tree = base.build_dir()
    with base.locked(tree / "ninja"):
        if not (tree / "build.ninja").exists():
            base.say("configuring")
            step(["cmake", "-S", base.SOURCE, "-B", tree, "-G", "Ninja"], "configuring", shown)
        step(["ninja", "-C", tree, *targets], "building", shown)


def for_kernel(kernel, shown=False):
    """Build what booting `kernel` takes."""
    ensure(["guest-init"] + (["lichen.Image"] if kernel == "lichen" else []), shown)
