"""FAT file systems in QEMU: the same work on Linux and on Lichen gives the same files, each reads what
the other wrote, and fsck.fat finds nothing wrong with either's.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LICHEN = str(SOURCE / "lichen")
BUILT = dict(os.environ, LICHEN_BUILT="1")
# What is made depends on nothing but the script: names of all kinds, tails that collide, directories
# of many clusters, files that grow, shrink, have gaps, are moved and replaced.
WORK = r"""
mkdir -p /mnt/d; mount -t vfat -o ro /dev/vdb /mnt/d && umount /mnt/d; mount -t vfat /dev/vdb /mnt/d || exit
cd /mnt/d; RANDOM=7
mkdir many deep; for n in {1..150}; do echo "$n" > "many/A name with a long beginning $n"; done
for n in {1..150..3}; do rm "many/a name with a LONG beginning $n"; done
for n in {1..30}; do mv "many/A name with a long beginning $((n * 3))" "deep/moved.$n.file"; done
d=deep; for n in {1..12}; do d=$d/level$n; mkdir $d; echo "$n" > "$d/Datei mit Umlaut äöü $n.TXT"; done
mv deep/level1/level2 many/level2; mv many/level2 deep/level1/LEVEL2; rmdir deep/level1 2>/dev/null
for n in {1..60}; do
	f=file$((RANDOM % 12)).bin; what=$((RANDOM % 6)); r=$RANDOM	# not in a pipe: there they are others
	case $what in
	0) head -c $((r * 2)) /dev/zero | tr '\0' "\\$((n % 8 + 101))" > "$f";;
	1) head -c $((r / 2)) /dev/zero | tr '\0' "\\$((n % 8 + 101))" >> "$f";;
	2) truncate -s $((r * 2)) "$f";;
	3) rm -f "$f";;
	4) printf x | dd of="$f" bs=1 seek=$((r * 2)) conv=notrunc status=none;;
	5) [ -e "$f" ] && mv "$f" "file$((r % 12)).bin" 2>/dev/null;;
	esac
	[ $((n % 20)) = 0 ] && sync
done
cp many/*7 deep/; mkdir gone; rmdir gone; mkdir "Mixed Case Directory"; touch "Mixed Case Directory/été" mixed.Txt LOUD.TXT quiet.txt
cd /; umount /mnt/d
"""
LIST = r"""
mkdir -p /mnt/d; mount -t vfat -o ro /dev/vdb /mnt/d || exit; cd /mnt/d
find . -printf '%p %y %m %n %s %b\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum
stat -f -c '%T %l %s %b %f %a' .; cd /; umount /mnt/d
"""
# One more directory of each size, so that what was free is used again.
AGAIN = r"""
mkdir -p /mnt/d; mount -t vfat /dev/vdb /mnt/d || exit; cd /mnt/d; rm -r many; mkdir more
for n in {1..100}; do head -c $((n * 50)) /dev/zero > "more/another one $n"; done; rm -r more deep; cd /; umount /mnt/d
"""
# A file without bytes that has clusters: somebody made room in advance, and the power went.
ADVANCE = r"""
mkdir -p /mnt/d; mount -t vfat /dev/vdb /mnt/d || exit; cd /mnt/d; stat -c %s a.txt b.txt; stat -f -c %f .
rm a.txt b.txt; sync; stat -f -c %f .; cd /; umount /mnt/d
"""
APPEND = "mkdir -p /mnt/d; mount -t vfat /dev/vdb /mnt/d; cd /mnt/d; echo more >> b.txt; rm a.txt; cat b.txt; cd /; umount /mnt/d"
KINDS = (("12", "1M", ("-s", "1", "-f", "1")), ("16", "16M", ("-S", "1024", "-s", "2")), ("32", "64M", ("-s", "1")))
PROGRAM = pathlib.Path(os.environ.get("LICHEN_BUILD", SOURCE / "build")) / "guest" / "fat-calls"


def run(script, disk, kernel="lichen", *options):
    return subprocess.run([LICHEN, "exec", "--timeout", "300", "--kernel", kernel, "--disk", f"{disk}:rw", *options,
                           "--", "/bin/bash", "-c", script], capture_output=True, text=True, check=False, env=BUILT)


def tool(name, *words):
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    return subprocess.run([shutil.which(name, path=path), *words], capture_output=True, text=True, check=False)


class FatTest(unittest.TestCase):
    """Each kind of table, with clusters smaller and larger than a page."""

    def whole(self, disk):
        checked = tool("fsck.fat", "-n", str(disk))
        self.assertEqual(checked.returncode, 0, checked.stdout)

    def made(self, disk, bits, size, options):
        disk.unlink(missing_ok=True)
        with open(disk, "wb") as file:
            file.truncate(int(size[:-1]) << 20)
        self.assertEqual(tool("mkfs.fat", "-F", bits, *options, str(disk)).returncode, 0)

    def listed(self, disk, kernel):
        seen = run(LIST, disk, kernel)
        self.assertEqual((seen.returncode, seen.stderr), (0, ""))
        self.assertGreater(len(seen.stdout), 1000)
        return seen.stdout

    def kind(self, bits, size, options, folder):
        disks = {kernel: folder / f"{kernel}.fat" for kernel in ("linux", "lichen")}
        for kernel, disk in disks.items():
            self.made(disk, bits, size, options)
            done = run(WORK, disk, kernel)
            self.assertEqual((done.returncode, done.stderr), (0, ""), kernel)
            self.whole(disk)
        linux, lichen = disks["linux"], disks["lichen"]
        expected = self.listed(linux, "linux")
        self.assertEqual(self.listed(lichen, "lichen"), expected)
        self.assertEqual(self.listed(linux, "lichen"), expected)
        self.assertEqual(self.listed(lichen, "linux"), expected)
        again = run(AGAIN, lichen)
        self.assertEqual((again.returncode, again.stderr), (0, ""))
        self.whole(lichen)

    def test_calls(self):
        """tests/guest/fat.c, on Linux first."""
        with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
            disk = pathlib.Path(folder) / "disk.fat"
            for kernel, (bits, size, options) in ((k, kind) for k in ("linux", "lichen") for kind in KINDS[::2]):
                with self.subTest(kernel=kernel, bits=bits):
                    self.made(disk, bits, size, options)
                    done = run("/tmp/fat-calls", disk, kernel, "--put", f"{PROGRAM}:/tmp/fat-calls")
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                    self.whole(disk)

    def test_room_in_advance(self):
        """It is free when the file is removed, and the file's when that grows (which makes Linux stop)."""
        said = {}
        with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
            disk, file = pathlib.Path(folder) / "disk.fat", pathlib.Path(folder) / "file"
            file.write_bytes(b"x" * 20000)
            for kernel in ("linux", "lichen"):
                self.made(disk, *KINDS[1])
                for name in ("A", "B"):
                    self.assertEqual(tool("mcopy", "-i", str(disk), str(file), f"::{name}.TXT").returncode, 0)
                image = bytearray(disk.read_bytes())
                for name in (b"A       TXT", b"B       TXT"):
                    at = image.index(name)
                    image[at + 28:at + 32] = bytes(4)
                disk.write_bytes(image)
                done = run(ADVANCE, disk, kernel)
                self.assertEqual((done.returncode, done.stderr), (0, ""), kernel)
                said[kernel] = done.stdout
                self.whole(disk)
                if kernel == "lichen":
                    image[at + 28:at + 32] = bytes(4)
                    disk.write_bytes(image)
                    self.assertEqual(run(APPEND, disk).stdout, "more\n")
        self.assertEqual(said["lichen"], said["linux"])

    def test_kinds(self):
        with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
            for bits, size, options in KINDS:
                with self.subTest(bits=bits, size=size, options=options):
                    self.kind(bits, size, options, pathlib.Path(folder))


if __name__ == "__main__":
    unittest.main()
