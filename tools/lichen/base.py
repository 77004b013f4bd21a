"""Where things are, how errors end a command, and building a path in one step."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class Failure(Exception):
    """Something went wrong: one clear line for the user, and an exit status."""

    def __init__(self, text, status=1):
        super().__init__(text)
        self.status = status


class Usage(Failure):
    """The command was used wrongly."""

    def __init__(self, text):
        super().__init__(text, 2)


def build_dir():
    return pathlib.Path(os.environ.get("LICHEN_BUILD", SOURCE / "build")).resolve()


def cache_dir():
    default = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "lichen"
    path = pathlib.Path(os.environ.get("LICHEN_CACHE", default)).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def say(text):
    """Progress, for the person who waits. Never on standard output."""
    print(f"lichen: {text}", file=sys.stderr, flush=True)


def digest(*parts):
    """A short name for the content of all the parts (bytes, text or files)."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, pathlib.Path):
            part = part.read_bytes()
        elif isinstance(part, str):
            part = part.encode()
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()[:16]


def remove(path):
    """Remove a file or a whole tree, there or not."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path`; rename it there if all went well.

    An interrupted build thus leaves either the old thing or nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        made = scratch / path.name
        yield made
        if path.is_dir() and not path.is_symlink():
            os.rename(path, scratch / "old")
        os.rename(made, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def locked(path):
    """Let one process at a time make what is at `path`, and clear up after a killed one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.parent / f".{path.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in path.parent.glob(f".{path.name}.*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
        yield


def run(argv, what, **options):
    """Run a program that must succeed; its output is shown only if it does not."""
    argv = [str(arg) for arg in argv]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, **options)
    except FileNotFoundError:
        raise Failure(f"{argv[0]} is missing; `./lichen setup` installs what is needed") from None
    if done.returncode != 0:
        sys.stderr.write(done.stdout.decode(errors="replace"))
        raise Failure(f"{what} failed ({argv[0]}, status {done.returncode})")
    return done.stdout
