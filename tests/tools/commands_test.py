"""`./lichen` as a user meets it; guests run on the oracle, in the initial file system."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from lichen import base

LICHEN = str(base.SOURCE / "lichen")
HELPER = base.build_dir() / "guest/helper"
GUEST = ["exec", "--kernel", "linux", "--rootfs", "none", "--timeout", "300",
         "--put", f"{HELPER}:/helper"]


def lichen(*words, **options):
    return subprocess.run([LICHEN, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          env=dict(os.environ, LICHEN_BUILT="1"), **options)


class WrongUse(unittest.TestCase):
    WRONG = (
        [], ["nonsense"], ["exec"], ["exec", "--"], ["exec", "true"], ["exec", "--bogus", "--", "x"],
        ["exec", "--smp", "0", "--", "x"], ["exec", "--smp", "9", "--", "x"],
        ["exec", "--smp", "two", "--", "x"], ["exec", "--icount", "--smp", "2", "--", "x"],
        ["exec", "--mem", "lots", "--", "x"], ["exec", "--gic", "4", "--", "x"],
        ["exec", "--cpu", "pentium", "--", "x"], ["exec", "--kernel", "/none", "--", "x"],
        ["exec", "--rootfs", "none-such", "--", "x"], ["exec", "--timeout", "-1", "--", "x"],
        ["exec", "--put", "only", "--", "x"], ["exec", "--put", "/none:/x", "--", "x"],
        ["exec", "--put", "/etc/passwd:relative", "--", "x"], ["exec", "--get", "x:y", "--", "x"],
        ["exec", "--kernel", "linux", "--root-on-initrd", "--", "x"],
        ["exec", "--persist", "--root-on-initrd", "--", "x"],
        ["exec", "--persist", "--rootfs", "none", "--", "x"],
        ["exec", "--disk", "/none", "--", "x"], ["exec", "--disk", "/etc:rw", "--", "x"],
        ["qemu", "--timeout", "3"], ["test", "no-such-tier"], ["bench", "x"], ["help", "x"],
        ["profile", "x"], ["bench", "-k", "x"],
        ["distro", "-k", "no-such-case"], ["guest", "-k", "no-such-program"],
    )

    def test_one_clear_line_and_status_2(self):
        for words in self.WRONG:
            with self.subTest(words=words):
                done = lichen(*words)
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stdout, b"")
                self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)

    def test_help(self):
        done = lichen("help")
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"exec", done.stdout)


class Exec(unittest.TestCase):
    def test_output_status_and_files(self):
        with tempfile.TemporaryDirectory() as folder:
            sent, back = pathlib.Path(folder) / "sent", pathlib.Path(folder) / "back"
            sent.write_bytes(bytes(range(256)) * 300)
            done = lichen(*GUEST, "--put", f"{sent}:/a/b/file", "--get", f"/copy:{back}", "--",
                          "/helper", "copy", "/a/b/file", "/copy", "an argument")
            self.assertEqual((done.stdout, done.stderr, done.returncode),
                             (b"an argument\n" + bytes(range(256)), b"to standard error\n", 7))
            self.assertEqual(back.read_bytes(), sent.read_bytes())

    def test_a_death_by_signal(self):
        done = lichen(*GUEST, "--", "/helper", "abort")
        self.assertEqual((done.stdout, done.stderr, done.returncode), (b"", b"", 134))

    def test_a_missing_command(self):
        self.assertEqual(lichen(*GUEST, "--", "/none").returncode, 127)

    def test_a_missing_file_to_get(self):
        done = lichen(*GUEST, "--get", "/none:/dev/null", "--", "/helper", "true")
        self.assertEqual(done.returncode, 123)
        self.assertIn(b"--get /none", done.stderr)

    def test_a_time_out(self):
        done = lichen(*GUEST[:5], "--timeout", "5", *GUEST[7:], "--", "/helper", "hang")
        self.assertEqual(done.returncode, 124)

    def test_a_panic(self):
        done = lichen(*GUEST, "--", "/helper", "panic")
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"Kernel panic - not syncing", done.stderr)

    def test_a_missing_root(self):
        done = lichen(*GUEST, "--append", "lichen.root=/dev/vdz", "--", "/helper", "true")
        self.assertEqual(done.returncode, 123)
        self.assertIn(b"there is no root device: /dev/vdz", done.stderr)

    def test_a_root_that_is_no_file_system(self):
        with tempfile.NamedTemporaryFile() as image:
            image.truncate(1 << 20)
            image.seek(0x438)
            image.write(b"\x53\xEF")
            image.flush()
            done = lichen("exec", "--kernel", "linux", "--rootfs", image.name, "--", "/x")
            self.assertEqual(done.returncode, 123)
            self.assertIn(b"the root cannot be made", done.stderr)


if __name__ == "__main__":
    unittest.main()
