"""Root file systems that users bring along: a tar file as ArchLinuxARM's comes, in small."""

import io
import os
import pathlib
import subprocess
import tarfile
import tempfile
import unittest

from lichen import base

LICHEN = str(base.SOURCE / "lichen")
PROGRAM = base.build_dir() / "guest/helper-dynamic"
LIBRARIES = base.build_dir() / "sysroot/usr/lib/aarch64-linux-gnu"
LOADER = "ld-linux-aarch64.so.1"
FOLDERS = ("boot", "dev", "etc", "home", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp",
           "usr", "usr/bin", "usr/lib", "usr/local", "usr/share", "var", "var/lib/pacman")
# Everything lies under /usr; the old places, /usr/sbin and lib64 too, are links there.
LINKS = {"bin": "usr/bin", "sbin": "usr/bin", "lib": "usr/lib", "usr/sbin": "bin",
         "usr/lib64": "lib"}
CAPABILITY = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"     # cap_net_raw+ep


def arch_like(path):
    """Names begin with ./, owners are numbers, attributes are in pax headers as bsdtar's."""
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        def add(name, data=None, **fields):
            member = tarfile.TarInfo("./" + name)
            for field, value in fields.items():
                setattr(member, field, value)
            if data is not None:
                member.size = len(data)
            tar.addfile(member, None if data is None else io.BytesIO(data))

        for name in FOLDERS:
            add(name, type=tarfile.DIRTYPE, mode=0o1777 if name == "tmp" else 0o755)
        for name, to in LINKS.items():
            add(name, type=tarfile.SYMTYPE, linkname=to)
        add("etc/os-release", b'NAME="Arch Linux ARM"\nID=archarm\n')
        add("etc/passwd", b"root:x:0:0::/root:/usr/bin/bash\n")
        add("usr/bin/helper", PROGRAM.read_bytes(), mode=0o755,
            pax_headers={"LIBARCHIVE.creationtime": "1700000000",
                         "SCHILY.fflags": "nodump",
                         "SCHILY.xattr.security.capability":
                             CAPABILITY.decode("latin-1").encode().decode()})
        for name in (LOADER, "libc.so.6"):
            add(f"usr/lib/{name}", (LIBRARIES / name).read_bytes(), mode=0o755)


def run(*words):
    return subprocess.run([LICHEN, "exec", *words], stdin=subprocess.DEVNULL, capture_output=True,
                          env=dict(os.environ, LICHEN_BUILT="1"))


class ArchLike(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.tar = pathlib.Path(cls.folder.name) / "ArchLinuxARM-aarch64-small.tar.gz"
        arch_like(cls.tar)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()
        for left in (base.build_dir() / "rootfs").glob(f"tar-{base.digest(str(cls.tar))}.*"):
            left.unlink()

    def test_a_dynamic_program_runs(self):
        for kernel in ("linux", "lichen"):
            with self.subTest(kernel=kernel):
                done = run("--kernel", kernel, "--rootfs", str(self.tar), "--", "/sbin/helper",
                           "copy", "/etc/os-release", "/root/copy", "an argument")
                said = [line for line in done.stderr.splitlines(True)
                        if not line.startswith(b"lichen: making ")]
                self.assertEqual((done.stdout, said, done.returncode),
                                 (b'an argument\nNAME="Arch Linux ARM"\nID=archarm\n',
                                  [b"to standard error\n"], 7))


if __name__ == "__main__":
    unittest.main()
