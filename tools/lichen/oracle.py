"""The oracle: Debian's own arm64 Linux, and the few modules it needs to find its root.

    build/oracle/Image         the kernel
    build/oracle/modules/      modules, uncompressed, and `list`: the order to insert them
"""

import lzma
import re

from . import base, debian

# Runs as mmdebstrap's hook: the image that linux-image-arm64 stands for, without the
# packages it would pull into a real system.
DOWNLOAD = r"""
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
cd "$1"
name=$(apt-cache show --no-all-versions linux-image-arm64 |
	sed -n 's/^Depends: .*\(linux-image-[^ ,]*\).*/\1/p')
apt-get -q download "$name"
dpkg-deb -x linux-image-*.deb .
rm linux-image-*.deb
"""
# ext4 asks for crc32c by name, which no dependency shows.
# FAT asks for its character sets so, too.
MODULES = ("virtio_mmio", "virtio_blk", "virtio-rng", "crc32c_generic", "ext4", "overlay", "loop",
           "vfat", "msdos", "nls_cp437", "nls_ascii", "nls_iso8859-1", "nls_utf8")


def plain(name):
    """Module and file names differ in dashes and underscores."""
    return name.replace("-", "_")


def load_order(wanted, needs):
    """`wanted` and all they need, each after what it needs."""
    order = []

    def add(name):
        if name not in order:
            for need in needs(name):
                add(need)
            order.append(name)

    for name in wanted:
        add(plain(name))
    return order


def take_modules(tree, out):
    """Copy the wanted modules and their dependencies out of the kernel's package."""
    files = {plain(f.name.split(".")[0]): f for f in tree.glob("usr/lib/modules/*/kernel/**/*.ko*")}
    builtin = next(tree.glob("usr/lib/modules/*/modules.builtin")).read_text()
    inside = {plain(l.rsplit("/", 1)[-1].split(".")[0]) for l in builtin.splitlines()}
    content = {}

    def needs(name):
        if name not in files:
            raise base.Failure(f"the oracle's kernel has no module {name}")
        data = files[name].read_bytes()
        content[name] = lzma.decompress(data) if files[name].suffix == ".xz" else data
        depends = re.search(rb"\0depends=([^\0]*)\0", content[name]).group(1).decode()
        return [plain(d) for d in depends.split(",") if d]

    out.mkdir()
    order = load_order([m for m in MODULES if plain(m) not in inside], needs)
    for name in order:
        (out / f"{name}.ko").write_bytes(content[name])
    (out / "list").write_text("".join(f"{name}.ko\n" for name in order))


def ensure():
    """Make build/oracle unless it is there and current; return its path."""
    oracle = base.build_dir() / "oracle"
    with base.locked(oracle):
        tar = debian.fetch("oracle", (), (DOWNLOAD,))
        stamp = oracle / "stamp"
        want = base.digest(tar.name, *MODULES)
        if stamp.exists() and stamp.read_text() == want:
            return oracle
        with base.replacing(oracle) as made:
            made.mkdir()
            debian.unpack(tar, made / "tree")
            next((made / "tree/boot").glob("vmlinuz-*")).rename(made / "Image")
            take_modules(made / "tree", made / "modules")
            base.remove(made / "tree")
            (made / "stamp").write_text(want)
    return oracle
