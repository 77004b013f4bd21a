"""Disks that outlive the machine.

A root file system that is kept: what one boot does to it the next one finds. And a machine that is
killed in the middle of its work: the journal makes the file system whole again, the same one whether
e2fsck, Linux or Lichen replays it, and what was synced is there.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LICHEN = str(SOURCE / "lichen")
LIMIT = "300"
BUILT = dict(os.environ, LICHEN_BUILT="1")
WORK = r"""
mkdir -p /mnt/d; mount /dev/vdb /mnt/d; cd /mnt/d; mkdir done
for n in {1..100000}; do
	mkdir d$n; for m in {1..20}; do echo "$n $m" > d$n/f$m; done
	[ $((n % 3)) = 0 ] && rm -r d$((n - 2)); mv d$n/f1 d$n/moved; ln d$n/f2 d$n/linked; truncate -s 100000 d$n/f3
	echo "$n" > done/$n; sync -f done; echo "$n"
done
"""
LIST = r"""
mkdir -p /mnt/d; mount /dev/vdb /mnt/d || exit; cd /mnt/d; ls done | sort -n | tail -1
find . -path ./lost+found -prune -o -printf '%p %y %m %n %s\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum
cd /; umount /mnt/d
"""


def lichen(*words):
    return subprocess.run([LICHEN, *words], capture_output=True, text=True, check=False,
                          env=BUILT)


def run(script, disk, kernel="lichen", *options):
    return lichen("exec", "--timeout", LIMIT, "--kernel", kernel, "--disk", f"{disk}:rw", *options,
                  "--", "/bin/bash", "-c", script)


def tool(name, *words):
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    return subprocess.run([shutil.which(name, path=path), *words], capture_output=True, text=True,
                          check=False)


class DiskTest(unittest.TestCase):
    """Each with a folder of its own."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="lichen-")
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def whole(self, disk):
        checked = tool("e2fsck", "-fn", str(disk))
        self.assertEqual(checked.returncode, 0, checked.stdout)

    def test_root_is_kept(self):
        image = self.path / "root.ext4"
        made = lichen("image", "debian")
        self.assertEqual(made.returncode, 0, made.stderr)
        shutil.copyfile(made.stdout.split()[-1], image)
        boot = ["exec", "--timeout", LIMIT, "--persist", "--rootfs", str(image), "--",
                "/bin/bash", "-c"]
        first = lichen(*boot, "useradd -m somebody && cp -a /usr/share/perl5 /root/kept && "
                       "rm -r /usr/share/perl5 && echo one > /root/file && id -un somebody")
        self.assertEqual((first.returncode, first.stdout), (0, "somebody\n"), first.stderr)
        self.whole(image)
        second = lichen(*boot, "cat /root/file; id -un somebody; ls -d /usr/share/perl5; "
                        "ls /root/kept | wc -l; mv /root/kept /usr/share/perl5; perl -MCarp -e 'print 7'")
        self.assertEqual(second.stdout.split()[:2], ["one", "somebody"], second.stderr)
        self.assertIn("/usr/share/perl5", second.stderr)
        self.assertEqual(second.stdout.split()[-1], "7")
        self.whole(image)

    def killed(self, disk, seconds):
        """A machine at work on the disk is killed; the last round that it said was synced."""
        argv = [LICHEN, "exec", "--timeout", LIMIT, "--disk", f"{disk}:rw", "--",
                "/bin/bash", "-c", WORK]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True,
                              env=BUILT, start_new_session=True) as guest:
            said = guest.stdout.readline()
            self.assertTrue(said, "the work did not begin")
            time.sleep(seconds)
            os.killpg(guest.pid, signal.SIGKILL)
            rest = guest.stdout.read()
        lines = (said + rest).split("\n")[:-1]
        return int(lines[-1])

    def test_killed_machine(self):
        for n, options in enumerate((["-b", "1024"], ["-O", "orphan_file"])):
            disk = self.path / f"disk{n}"
            with open(disk, "wb") as file:
                file.truncate(128 << 20)
            self.assertEqual(tool("mke2fs", "-q", "-F", "-t", "ext4", *options, str(disk)).returncode, 0)
            synced = self.killed(disk, 3 + n)
            copies = {name: self.path / f"{name}{n}" for name in ("e2fsck", "linux", "lichen")}
            for copy in copies.values():
                shutil.copyfile(disk, copy)
            self.assertIn(tool("e2fsck", "-p", str(copies["e2fsck"])).returncode, (0, 1))
            listed = {}
            for name, copy in copies.items():
                seen = run(LIST, copy, "linux" if name == "linux" else "lichen")
                self.assertEqual(seen.returncode, 0, seen.stderr)
                listed[name] = seen.stdout
                self.whole(copy)
            self.assertGreaterEqual(int(listed["lichen"].split("\n", 1)[0]), synced)
            self.assertEqual(listed["lichen"], listed["linux"])
            self.assertEqual(listed["lichen"], listed["e2fsck"])
            print(f"{options}: {synced} rounds were synced, {len(listed['lichen'].splitlines())} lines",
                  file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
