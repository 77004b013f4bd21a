"""Runs one job in one boot and passes on what comes of it.

Statuses beside the job's own: 124 it took too long, 125 the kernel panicked, 123 the guest
could not run it at all.
"""

import contextlib
import dataclasses
import io
import os
import pathlib
import select
import subprocess
import sys
import tarfile
import tempfile
import time

from . import base, frames, symbols, vm

NOT_RUN, TIMED_OUT, PANICKED = 123, 124, 125
PANIC_STARTS = ("KERNEL PANIC:", "Kernel panic - not syncing")
PANIC_ENDS = ("---[ end of panic ]---", "---[ end Kernel panic")
PANIC_GRACE = 10            # seconds for the rest of a panic's report
GDB_SCRIPT = base.SOURCE / "tools/gdb/lichen.py"
GDB_LIMIT = 60              # seconds for the report of a hang
LOG_TAIL = 40               # lines shown when the guest stops without a word
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash",
    "TERM": "dumb", "LANG": "C.UTF-8",
}


@dataclasses.dataclass
class Job:
    """A command, the files it needs and the files wanted back."""

    argv: list
    put: list = dataclasses.field(default_factory=list)     # (host path or bytes, guest path)
    get: list = dataclasses.field(default_factory=list)     # (guest path, host path)
    timeout: float | None = None        # seconds for all of it
    stall: float | None = None          # seconds without a byte on the console
    cwd: str = "/root"


def describe(job):
    """The job's description: NUL-terminated strings for init."""
    words = [f"cwd={job.cwd}"]
    words += [f"env={name}={value}" for name, value in ENVIRONMENT.items()]
    words += [f"get={guest}" for guest, _ in job.get]
    words += [f"arg={arg}" for arg in job.argv]
    return b"".join(os.fsencode(word) + b"\0" for word in words)


def add_bytes(tar, name, data, mode=0o755):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))


def owned_by_root(info):
    """What the job disk may hold: files, folders and symbolic links."""
    info.uid = info.gid = 0
    if info.islnk() or not (info.isfile() or info.isdir() or info.issym()):
        raise base.Failure(f"--put: {info.name} is no plain file, folder or link", NOT_RUN)
    return info


def write_archive(job, out):
    """The job disk: the description, then the files to put."""
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT, dereference=False) as tar:
        add_bytes(tar, ".lichen/job", describe(job))
        for source, target in job.put:
            tar.inodes = {}         # a file linked twice is sent twice
            try:
                if isinstance(source, bytes):
                    add_bytes(tar, target.lstrip("/"), source)
                else:
                    tar.add(os.path.realpath(source), target.lstrip("/"), filter=owned_by_root)
            except (OSError, ValueError) as error:
                raise base.Failure(f"--put {source}: {error}", NOT_RUN) from None


class Log:
    """The kernel's log: shown, remembered, and watched for a panic."""

    def __init__(self, show):
        self.show, self.rest, self.lines = show, "", []
        self.panic, self.panic_over = [], False

    def feed(self, data):
        *lines, self.rest = (self.rest + data.decode("ascii", "replace")).split("\n")
        for line in lines:
            self.line(line.rstrip("\r"))

    def line(self, line):
        if self.show:
            print(line, file=sys.stderr, flush=True)
        self.lines.append(line)
        if self.panic or any(start in line for start in PANIC_STARTS):
            self.panic.append(line)
            self.panic_over |= any(end in line for end in PANIC_ENDS)


class Session:
    """What is known of one job while it runs."""

    def __init__(self, job, out, err, machine):
        self.job, self.sinks = job, {frames.OUT: out, frames.ERR: err}
        self.reader, self.log = frames.Reader(), Log(machine.verbose)
        self.ours = machine.kernel != "linux"
        self.status = self.died = self.file = None
        self.got, self.errors = 0, []

    def over(self):
        return self.status is not None or self.died is not None or self.log.panic_over

    def feed(self, data):
        log, found = self.reader.feed(data)
        self.log.feed(log)
        for kind, content in found:
            self.frame(kind, content)

    def frame(self, kind, data):
        if kind in self.sinks:
            self.sinks[kind].write(data)
            self.sinks[kind].flush()
        elif kind == frames.GET:
            self.file = self.file or tempfile.TemporaryFile()
            self.file.write(data)
        elif kind == frames.GOT:
            self.keep(int(data))
        elif kind == frames.STATUS:
            how, number = data.decode().split()
            self.status = int(number) + (128 if how == "signal" else 0)
        else:
            self.died = data.decode(errors="replace")

    def keep(self, error):
        """One wanted file has come whole, or will not come."""
        guest, host = self.job.get[self.got]
        self.got += 1
        content, self.file = self.file or io.BytesIO(), None
        if error:
            self.errors.append(f"--get {guest}: {os.strerror(error)}")
            return
        content.seek(0)
        try:
            with base.replacing(pathlib.Path(host).absolute()) as made:
                with open(made, "wb") as to:
                    while piece := content.read(1 << 20):
                        to.write(piece)
        except OSError as problem:
            self.errors.append(f"--get {host}: {problem.strerror}")

    def report(self, lines):
        """Show a part of the log with names to its addresses, unless all of it is shown."""
        if self.log.show:
            return
        lines = symbols.symbolised(lines) if self.ours else lines
        print("\n".join(lines), file=sys.stderr, flush=True)

    def result(self, timed_out, words):
        """The exit status, and on standard error why it is not the job's own."""
        if self.log.panic:
            self.report(self.log.panic)
            return PANICKED
        if self.died is not None:
            raise base.Failure(f"the guest gave up: {self.died}", NOT_RUN)
        if timed_out:
            raise base.Failure("timed out", TIMED_OUT)
        if self.status is None:
            self.report(self.log.lines[-LOG_TAIL:])
            raise base.Failure("the guest stopped before the command ended"
                               + (f": {words}" if words else ""), NOT_RUN)
        for error in self.errors:
            base.say(error)
        return self.status or (NOT_RUN if self.errors else 0)


@contextlib.contextmanager
def running(argv, **how):
    """A QEMU that does not outlive its caller."""
    try:
        qemu = subprocess.Popen(argv, **how)
    except FileNotFoundError:
        raise base.Failure(f"{argv[0]} is missing; `./lichen setup` installs it") from None
    try:
        yield qemu
    finally:
        if qemu.poll() is None:
            qemu.terminate()
            try:
                qemu.wait(10)
            except subprocess.TimeoutExpired:
                qemu.kill()
                qemu.wait()


def patience(session, deadline):
    """How long the next byte may take; None: for ever."""
    limits = [session.job.stall, PANIC_GRACE if session.log.panic else None,
              None if deadline is None else max(0, deadline - time.monotonic())]
    return min((limit for limit in limits if limit is not None), default=None)


def watch(qemu, session, deadline):
    """Read the console until the job is over; whether it took too long."""
    console = qemu.stdout.fileno()
    while not session.over():
        ready, _, _ = select.select([console], [], [], patience(session, deadline))
        if not ready:
            return True
        data = os.read(console, 1 << 16)
        if not data:
            return False
        session.feed(data)
    return False


def tell_where(gdb_socket):
    """What every task of our kernel waits for and every CPU does, through QEMU's gdb stub."""
    argv = ["gdb-multiarch", "-q", "-batch", "-nx", "-ex", "set pagination off",
            "-ex", f"target remote {gdb_socket}", "-x", str(GDB_SCRIPT),
            "-ex", "lichen-tasks", "-ex", "thread apply all backtrace 12",
            str(base.build_dir() / "lichen.elf")]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=GDB_LIMIT)
    except (OSError, subprocess.TimeoutExpired):
        return base.say("where the guest hangs cannot be told: gdb-multiarch does not answer")
    print(done.stdout, end="", file=sys.stderr, flush=True)


def boot_command(machine, job, scratch):
    """QEMU for this job, its console on standard output and its gdb stub on a socket."""
    write_archive(job, scratch / "job.tar")
    boot = dataclasses.replace(machine, disks=(*machine.disks, (scratch / "job.tar", False)))
    last = len(vm.disks(boot)) - 1
    argv = vm.command(boot, scratch, "exec", [f"lichen.job={vm.disk_name(last)}"])
    return argv + ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
                   "-monitor", "none", "-gdb", f"unix:{scratch}/gdb,server=on,wait=off"]


def run(machine, job, out=None, err=None):
    """Boot, run, and return the exit status for the caller."""
    session = Session(job, out or sys.stdout.buffer, err or sys.stderr.buffer, machine)
    with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
        scratch = pathlib.Path(folder)
        argv = boot_command(machine, job, scratch)
        deadline = time.monotonic() + job.timeout if job.timeout else None
        with open(scratch / "qemu.err", "w+b") as words, \
                running(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                        stderr=words) as qemu:
            try:
                timed_out = watch(qemu, session, deadline)
            except frames.Garbled:
                raise base.Failure("the guest's console is garbled", NOT_RUN) from None
            if timed_out and machine.kernel == "lichen" and not session.log.panic:
                tell_where(scratch / "gdb")
            if machine.persist and session.status is not None:
                qemu.wait(60)
            words.seek(0)
            return session.result(timed_out, words.read().decode(errors="replace").strip())
