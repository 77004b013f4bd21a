"""The initial RAM file system: a cpio archive ("newc") with our own init."""

import stat

from . import base

ALIGN = 4096        # where what follows the archive begins
FOLDERS = ("dev", "proc", "sys")


def member(name, mode, data=b""):
    """One member of the archive."""
    raw = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def archive(members):
    """The whole archive of (name, mode, data), padded so that an image may follow it."""
    data = b"".join(member(*m) for m in members) + member("TRAILER!!!", 0)
    return data + b"\0" * (-len(data) % ALIGN)


def make(out, modules=None):
    """Write the archive with init, and the oracle's modules if there are any."""
    init = base.build_dir() / "guest/init"
    if not init.exists():
        raise base.Failure("the guest's init is not built: `cmake --build build` builds it")
    members = [(name, stat.S_IFDIR | 0o755) for name in FOLDERS]
    members.append(("init", stat.S_IFREG | 0o755, init.read_bytes()))
    if modules:
        members.append(("modules", stat.S_IFDIR | 0o755))
        members += [(f"modules/{f.name}", stat.S_IFREG | 0o644, f.read_bytes())
                    for f in sorted(modules.iterdir())]
    out.write_bytes(archive(members))


def append_image(out, image):
    """Put a root image behind the archive: the kernel's RAM disk."""
    with open(out, "ab") as to, open(image, "rb") as source:
        while piece := source.read(1 << 20):
            to.write(piece)
