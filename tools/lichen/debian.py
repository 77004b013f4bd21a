"""Trees of unpacked Debian packages for arm64, made by mmdebstrap.

No foreign code runs and the host's package database is left alone. The mirror is the
one apt is configured with on a Debian host, and mmdebstrap's own default elsewhere.
A tree is kept in the cache as a tar file named by the hash of its recipe.
"""

import pathlib
import re
import subprocess

from . import base

SUITE = "trixie"            # unless a recipe names another one
ROLLING = "sid"             # its index may be past its date: a mirror of it can rest
APT = ("/etc/apt/sources.list", "/etc/apt/sources.list.d")
OFFLINE = re.compile(rb"Could not resolve|Temporary failure|Could not connect|Connection failed"
                     rb"|Network is unreachable|Unable to connect|connection timed out", re.I)
UNSIGNED = re.compile(rb"NO_PUBKEY|EXPKEYSIG|not signed", re.I)


def host_is_debian():
    try:
        text = pathlib.Path("/etc/os-release").read_text()
    except FileNotFoundError:
        return False
    return re.search(r"^ID=\"?debian\"?$", text, re.M) is not None


def apt_sources():
    """The text of the host's apt sources, comments left out."""
    texts = []
    for name in APT:
        path = pathlib.Path(name)
        files = sorted(path.glob("*.*")) if path.is_dir() else [path]
        texts += [f.read_text() for f in files if f.suffix in (".list", ".sources") and f.is_file()]
    return "\n".join(l for t in texts for l in t.splitlines() if not l.startswith("#"))


def mirror():
    """The host's Debian mirror, or None where the host is not Debian."""
    if not host_is_debian():
        return None
    found = re.findall(r"\b(?:https?|file|ftp|copy):/[^\s\]]+/debian/?(?=\s|$)", apt_sources())
    return found[0] if found else None


def mmdebstrap(packages, hooks, tar, suite):
    """The command that unpacks `packages` of `suite` into the file `tar`."""
    dates = ['--aptopt=Acquire::Check-Valid-Until "false"'] if suite == ROLLING else []
    argv = ["mmdebstrap", "--variant=extract", "--arch=arm64", "--format=tar",
            *(f"--include={package}" for package in packages),
            "--skip=essential/unlink",      # the hooks may want the packages
            "--aptopt=Acquire::Retries \"3\"", *dates,
            *(f"--extract-hook={hook}" for hook in hooks),
            "--extract-hook=rm -rf \"$1/var/cache/apt/archives\"",
            suite, str(tar)]
    where = mirror()
    return argv + [where] if where else argv


def explain(log, suite=SUITE):
    """One line for why mmdebstrap failed."""
    if OFFLINE.search(log):
        return "the Debian mirror cannot be reached; is the network up?"
    if UNSIGNED.search(log):
        return (f"the keys of Debian {suite} are missing or too old;"
                " install a newer debian-archive-keyring")
    lines = [l for l in log.decode(errors="replace").splitlines() if l.startswith("E:")]
    return lines[0][3:] if lines else "mmdebstrap failed"


def fetch(name, packages, hooks=(), suite=SUITE):
    """Return the tar file of a tree that holds `packages`, made now or earlier."""
    recipe = base.digest(suite, *packages, *hooks)
    tar = base.cache_dir() / f"{name}-{recipe}.tar"
    with base.locked(tar):
        if tar.exists():
            return tar
        base.say(f"fetching {name} (Debian {suite}, arm64)")
        with base.replacing(tar) as made:
            try:
                done = subprocess.run(mmdebstrap(packages, hooks, made, suite),
                                      stdin=subprocess.DEVNULL, capture_output=True)
            except FileNotFoundError:
                raise base.Failure("mmdebstrap is missing;"
                                   " `./lichen setup` installs what is needed") from None
            if done.returncode != 0:
                raise base.Failure(f"{name}: {explain(done.stderr, suite)}")
    return tar


# Runs as mmdebstrap's hook: the files of these packages alone, without what they depend on.
FILES_ALONE = r"""
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
cd "$1"
apt-get -q download {packages}
for deb in *.deb; do dpkg-deb -x "$deb" .; done
rm *.deb
"""


def fetch_files(name, packages, suite=SUITE):
    """The same of the files of just these packages; what is theirs is below usr."""
    return fetch(f"files-{name}", (), (FILES_ALONE.format(packages=" ".join(packages)),), suite)


def unpack(tar, tree):
    """Unpack a fetched tree, without its device nodes."""
    tree.mkdir()
    base.run(["tar", "-x", "-f", tar, "-C", tree, "--exclude=./dev/*", "--no-same-owner"],
             f"unpacking {tar.name}")
