"""The debugger's commands: what they print of a guest is what the guest's own /proc says, in the
running machine and in a dump of its memory."""

import io
import json
import os
import pathlib
import re
import select
import socket
import subprocess
import tempfile
import time
import unittest

from lichen import base, build, debugger, dump, guest, rootfs, vm

READY = "ready"
# A reader of an empty pipe, two that wait for one child each, and what /proc says of them.
GUEST = r"""
mkfifo /tmp/fifo
cat < /tmp/fifo & reader=$!
exec 3> /tmp/fifo
sleep 1000 & sleeper=$!
until grep -q read_stream /proc/$reader/stack && grep -q sleep /proc/$sleeper/stack; do sleep 0.1; done
for pid in $reader $sleeper $$; do
	echo "== $pid $(cat /proc/$pid/comm)"
	echo "-- stack"; cat /proc/$pid/stack
	echo "-- maps"; cat /proc/$pid/maps
done
echo ready
exec sleep 1000
"""
BOOT_LIMIT, GDB_LIMIT = 300, 300


def sections(text):
    """{pid: {"name": ..., "stack": [...], "maps": [...]}} of what the guest printed."""
    found, lines = {}, []
    for line in text.splitlines():
        if line.startswith("== "):
            _, pid, name = line.split()
            found[int(pid)] = {"name": name}
        elif line.startswith("-- "):
            lines = found[int(pid)][line[3:]] = []
        else:
            lines.append(line)
    return found


class Machine:
    """A guest that has printed what it has to, with ways in for gdb and for the monitor."""

    def __init__(self, folder):
        self.folder = folder
        machine = vm.Machine(root=rootfs.find("debian"), smp=2, mem="256M")
        self.out = io.BytesIO()
        job = guest.Job(["/bin/bash", "-c", GUEST])
        self.session = guest.Session(job, self.out, io.BytesIO(), machine)
        argv = guest.boot_command(machine, job, folder)
        at = argv.index("-monitor")
        argv[at + 1] = f"unix:{folder}/monitor,server=on,wait=off"
        self.context = guest.running(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.qemu = self.context.__enter__()
        self.wait()

    def wait(self):
        deadline = time.monotonic() + BOOT_LIMIT
        console = self.qemu.stdout.fileno()
        while READY not in self.text().splitlines():
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([console], [], [], left)[0]:
                raise base.Failure("the guest does not come up:\n" + self.text())
            self.session.feed(os.read(console, 1 << 16))

    def text(self):
        return self.out.getvalue().decode()

    def dump(self, to):
        """Have QEMU write its memory."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.folder / "monitor"))
            monitor.sendall(f"dump-guest-memory {to}\n".encode())
            said = b""
            while said.count(b"(qemu) ") < 2:
                said += monitor.recv(4096)
        if not to.exists():
            raise base.Failure("no dump: " + said.decode(errors="replace"))

    def close(self):
        self.context.__exit__(None, None, None)


def gdb(target, *commands):
    """What gdb prints for the commands."""
    argv = debugger.command("set pagination off", target, *commands)
    argv[1:1] = ["-batch", "-nx"]
    done = subprocess.run(argv, env=debugger.environment("debian"), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=GDB_LIMIT,
                          check=False)
    return done.stdout + done.stderr


def tasks_in(text):
    """{pid: (line, [frames])} of what lichen-tasks printed."""
    found, frames = {}, None
    for line in text.splitlines():
        start = re.match(r"\S.* \(pid (\d+), tid (\d+)\) ", line)
        if start:
            frames = []
            found[int(start[2])] = (line, frames)
        elif line.startswith("    ") and frames is not None:
            frames.append(line.strip())
        else:
            frames = None
    return found


class Commands(unittest.TestCase):
    """In one boot: the running guest first, then the dump of it."""

    @classmethod
    def setUpClass(cls):
        build.for_kernel("lichen", shown=False)
        cls.scratch = tempfile.TemporaryDirectory(prefix="lichen-")
        folder = pathlib.Path(cls.scratch.name)
        cls.machine = Machine(folder)
        cls.guest = sections(cls.machine.text().split("\n" + READY)[0])
        cls.machine.dump(folder / "dump")
        dump.convert(folder / "dump", base.build_dir() / "lichen.elf", folder / "core")
        cls.targets = {"running": f"target remote {folder}/gdb",
                       "dumped": f"target core {folder}/core"}

    @classmethod
    def tearDownClass(cls):
        cls.machine.close()
        cls.scratch.cleanup()

    def each(self, *commands):
        for name, target in self.targets.items():
            with self.subTest(name):
                yield gdb(target, *commands)

    def waiting(self):
        """The two whose stacks do not change any more."""
        return list(self.guest.items())[:2]

    def test_tasks(self):
        for text in self.each("lichen-tasks"):
            shown = tasks_in(text)
            for pid, known in self.waiting():
                line, frames = shown[pid]
                self.assertIn(f"{known['name']} (pid {pid}", line)
                self.assertIn(" waits, cpu ", line)
                self.assertEqual([self.place(f) for f in frames],
                                 [self.place(f) for f in known["stack"]])
            self.assertRegex(text, r"reaper \(worker\) waits")

    @staticmethod
    def place(line):
        """function, file and line, however they are set."""
        return re.search(r"(\w+) (\S+:\d+)$", line).groups()

    def test_maps(self):
        for pid, known in self.waiting():
            for text in self.each(f"lichen-maps {pid}"):
                shown = [line.split() for line in text.splitlines() if re.match(r"[0-9a-f]+-", line)]
                wanted = [line.split() for line in known["maps"]]
                wanted = [w[:3] + w[5:] for w in wanted]
                for vma in wanted:      # what is the kernel's own has no file
                    if vma[3:] in (["[vdso]"], ["[vvar]"]):
                        del vma[3:]
                self.assertEqual(shown, wanted)

    def test_locks(self):
        for text in self.each("lichen-locks"):
            spinlocks = re.search(r"^(\d+) of (\d+) spinlocks are held$", text, re.M)
            locks = re.search(r"^(\d+) of (\d+) awaitable locks in use are held$", text, re.M)
            self.assertGreater(int(spinlocks[2]), 20)
            self.assertGreaterEqual(int(locks[2]), len(self.guest))

    def test_user(self):
        pid = self.waiting()[1][0]
        for text in self.each(f"lichen-user {pid}"):
            self.assertRegex(text, r"(?m)^/usr/bin/sleep at 0x")
            self.assertRegex(text, r"(?m)^/usr/lib/aarch64-linux-gnu/libc\.so\.6 at 0x")
            self.assertRegex(text, r"(?m)^    pc 0x[0-9a-f]+ .*libc\.so\.6")
            self.assertRegex(text, r"(?m)^    lr 0x[0-9a-f]+ clock_nanosleep .*libc\.so\.6")

    def test_none(self):
        for text in self.each("lichen-maps 99999", "lichen-user what"):
            self.assertIn("there is no process 99999", text)


class Dumps(unittest.TestCase):
    def test_refused(self):
        with tempfile.NamedTemporaryFile() as other:
            other.write(json.dumps({}).encode())
            other.flush()
            with self.assertRaises(base.Failure):
                dump.convert(other.name, base.build_dir() / "lichen.elf", os.devnull)


unittest.main()
