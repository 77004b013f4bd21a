"""gdb commands for the kernel, running or dumped: what its tasks wait for, who holds which lock,
and what a process has mapped.

  lichen-tasks          every task: state, CPU and the coroutines it is in, the innermost first
  lichen-locks          spinlocks and awaitable locks that are held, by whom, and who waits
  lichen-maps PID       the mappings of a process, as /proc/PID/maps has them
  lichen-user PID       symbol files for those that are programs and libraries, out of the root file
                        system's archive ($LICHEN_GDB_ROOTFS), and where each thread is in them

All of it is read from memory: nothing of the kernel is called.
"""

import os
import re
import struct
import tarfile
import tempfile

import gdb

STATES = {"TASK_IDLE": "waits", "TASK_QUEUED": "is queued", "TASK_RUNNING": "runs",
          "TASK_RUNNING_WOKEN": "runs, woken", "TASK_DEAD": "is dead"}
PAGE = 4096


# --- the kernel's structures ---

def offset_of(kind, name):
    return next(f.bitpos // 8 for f in gdb.lookup_type(kind).fields() if f.name == name)


def pointer_to(kind, address):
    return gdb.Value(int(address)).cast(gdb.lookup_type(kind).pointer())


def each_of(head, kind, link):
    """The structs on a struct list, by the name of their link."""
    back = offset_of(kind, link)
    at = head["next"]
    while at and at != head.address:
        yield pointer_to(kind, int(at) - back).dereference()
        at = at["next"]


def each_in_order(node, kind, member):
    """The structs of a red-black tree of which node is the root."""
    todo = []
    while node or todo:
        while node:
            todo.append(node)
            node = node["left"]
        node = todo.pop()
        yield pointer_to(kind, int(node) - offset_of(kind, member)).dereference()
        node = node["right"]


def enumerator(name):
    return int(gdb.parse_and_eval(name))


def all_tasks():
    return each_of(gdb.parse_and_eval("'task.c'::tasks"), "struct task", "all")


def frames(task):
    """The coroutine frames of a task, the innermost first."""
    frame = task["co"]["leaf"]
    while frame:
        yield frame
        frame = frame["caller"]


def function_of(frame):
    """The name of a frame's step function, which is its struct's, too."""
    block = gdb.block_for_pc(int(frame["step"]))
    while block and not block.function:
        block = block.superblock
    return block.function.name if block else None


def thread_of(task):
    """The thread that a task with a user half is."""
    return task.address.cast(gdb.lookup_type("struct thread").pointer()) if task["user"] else None


def all_threads(pid):
    found = [thread_of(task) for task in all_tasks() if task["user"]]
    return [t for t in found if int(t["process"]["pid"]["nr"]) == pid]


def describe(task):
    thread = thread_of(task)
    name = task["name"].string()
    if not thread:
        return f"{name} (worker)"
    return f"{name} (pid {int(thread['process']['pid']['nr'])}, tid {int(thread['tid']['nr'])})"


def state_name(task):
    for name, words in STATES.items():
        if enumerator(name) == int(task["state"]):
            return words
    return f"state {int(task['state'])}"


def path_of(file):
    """A file's name, over the mounts it lies in."""
    dentry, mount, parts = file["path"]["dentry"], file["path"]["mount"], []
    for _ in range(4096):
        while dentry == mount["root"] and mount["parent"] != mount and mount["point"]:
            dentry, mount = mount["point"], mount["parent"]
        if dentry == dentry["parent"] or dentry == mount["root"]:
            break
        parts.append(dentry["name"].string())
        dentry = dentry["parent"]
    return "/" + "/".join(reversed(parts))


# --- tasks ---

class Tasks(gdb.Command):
    """Show every task: its state, its CPU and the coroutines it is in."""

    def __init__(self):
        super().__init__("lichen-tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for task in all_tasks():
            cpu = f", cpu {int(task['home']['id'])}" if task["home"] else ""
            print(f"{describe(task)} {state_name(task)}{cpu}, {task.address}")
            for frame in frames(task):
                at = frame["at"]
                if at:
                    print(f"    {at['func'].string()} {at['file'].string()}:{int(at['line'])}")


# --- locks ---

def global_variables(kind):
    """(name, value) of the variables of a type, those of files' own included."""
    text = gdb.execute(f"info variables -q -n -t ^{kind}$", to_string=True)
    file = None
    for line in text.splitlines():
        if line.startswith("File "):
            file = os.path.basename(line[5:].rstrip(":"))
        found = re.match(r"\d+:\s+(?:static )?.*\b(\w+);$", line)
        if not found:
            continue
        for name in (f"'{file}'::{found[1]}", found[1]):
            try:
                yield found[1], gdb.parse_and_eval(name)
                break
            except gdb.error:
                continue


def print_spinlock(name, lock):
    if int(lock["held"]):
        print(f"spinlock {name} (rank {int(lock['rank'])}) is held")
        return True
    return False


class Lock:
    """An awaitable lock that somebody holds or waits for."""

    def __init__(self, value, name):
        self.value, self.name, self.waiters = value, name, []

    def is_mutex(self):
        return self.value.type.strip_typedefs().name.endswith("co_mutex")

    def holder(self):
        if self.is_mutex():
            return f"of {describe(self.value['owner'])}" if self.value["owner"] else None
        if self.value["writer"]:
            return f"of {describe(self.value['writer'])}, writing"
        readers = int(self.value["readers"])
        return f"of {readers} reading" if readers else None

    def print(self):
        holder = self.holder()
        if holder or self.waiters:
            print(f"{'mutex' if self.is_mutex() else 'rwlock'} {self.name} "
                  f"{self.value.address} (rank {int(self.value['rank'])}): {holder or 'of nobody'}")
            for task, write in self.waiters:
                print(f"    {describe(task)} waits{' to write' if write else ''}")


# What frames point at, and the awaitable lock in it.
LOCKED = {"inode": "lock", "space": "lock", "file": "pos_lock"}


class Locks(gdb.Command):
    """Show the locks that are held or waited for: the kernel's own spinlocks, the awaitable locks
    of everything that a process or a coroutine's frame refers to."""

    def __init__(self):
        super().__init__("lichen-locks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        held = [print_spinlock(name, lock) for name, lock in global_variables("spinlock")]
        print(f"{sum(held)} of {len(held)} spinlocks are held")
        found = {}
        for task in all_tasks():
            self.look_at(task, found)
        for lock in found.values():
            lock.print()
        print(f"{sum(bool(lock.holder()) for lock in found.values())} of {len(found)} awaitable "
              "locks in use are held")

    def look_at(self, task, found):
        if task["space"]:
            self.note(found, task["space"]["lock"], "space")
        for frame in frames(task):
            function = function_of(frame)
            try:
                frame = pointer_to(f"struct {function}", frame).dereference()
            except gdb.error:
                continue
            if function == "mutex_lock_slow":
                self.note(found, frame["mutex"].dereference(), "mutex").waiters.append((task, False))
            elif function == "rwlock_slow":
                self.note(found, frame["rwlock"].dereference(), "rwlock").waiters.append(
                    (task, bool(frame["write"])))
            else:
                self.look_into(frame, found)

    def look_into(self, frame, found):
        for field in frame.type.fields():
            if not field.name or field.type.strip_typedefs().code != gdb.TYPE_CODE_PTR:
                continue
            kind = field.type.target().strip_typedefs().unqualified().tag
            try:
                if kind in LOCKED and frame[field.name]:
                    self.note(found, frame[field.name][LOCKED[kind]], f"{kind}.{LOCKED[kind]}")
            except gdb.MemoryError:
                continue        # a field that has yet to be set

    @staticmethod
    def note(found, value, name):
        return found.setdefault(int(value.address), Lock(value, name))


# --- mappings ---

def mappings(space):
    return each_in_order(space["vmas"]["root"], "struct vma", "node")


def rights(vma):
    flags = int(vma["flags"])
    shown = "".join(letter if flags & enumerator(name) else "-" for letter, name in
                    (("r", "VMA_READ"), ("w", "VMA_WRITE"), ("x", "VMA_EXEC")))
    return shown + ("s" if flags & enumerator("VMA_SHARED") else "p")


def mapping_name(space, vma):
    start, end = int(vma["start"]), int(vma["end"])
    if vma["file"]:
        return path_of(vma["file"].cast(gdb.lookup_type("struct file").pointer()))
    if start < int(space["brk"]) and end > int(space["brk_start"]) < int(space["brk"]):
        return "[heap]"
    return "[stack]" if start <= int(space["stack_start"]) < end else ""


def space_of(argument):
    """A live process by its number: its threads, and their address space."""
    try:
        threads = all_threads(int(argument))
    except ValueError:
        raise gdb.GdbError("which process? Give its number") from None
    if not threads or not threads[0]["process"]["space"]:
        raise gdb.GdbError(f"there is no process {argument}")
    return threads, threads[0]["process"]["space"]


class Maps(gdb.Command):
    """Show the mappings of a process: lichen-maps PID."""

    def __init__(self):
        super().__init__("lichen-maps", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        _, space = space_of(argument)
        for vma in mappings(space):
            offset = int(vma["pgoff"]) * PAGE if vma["file"] else 0
            print(f"{int(vma['start']):08x}-{int(vma['end']):08x} {rights(vma)} {offset:08x} "
                  f"{mapping_name(space, vma)}".rstrip())


# --- user space ---

class Rootfs:
    """The files of a root file system's archive, unpacked one by one as they are wanted."""

    def __init__(self, archive):
        self.tar = tarfile.open(archive)
        self.members = {m.name.lstrip("./"): m for m in self.tar.getmembers() if m.isfile()}
        self.folder = tempfile.TemporaryDirectory(prefix="lichen-user-")

    def file(self, path):
        """Where the file lies now, or None."""
        member = self.members.get(path.lstrip("/"))
        if not member:
            return None
        to = os.path.join(self.folder.name, path.strip("/").replace("/", "%"))
        if not os.path.exists(to):
            with self.tar.extractfile(member) as content, open(to, "wb") as out:
                out.write(content.read())
        return to


def load_address(file, start, offset):
    """What is added to a file's addresses, of which `offset` is mapped at `start`."""
    with open(file, "rb") as elf:
        head = elf.read(64)
        at, size, count = *struct.unpack_from("<Q", head, 32), *struct.unpack_from("<HH", head, 54)
        elf.seek(at)
        for header in struct.iter_unpack("<IIQQQQQQ", elf.read(size * count)):
            kind, _, file_at, address, _, in_file, _, _ = header
            if kind == 1 and file_at // PAGE * PAGE <= offset < file_at + in_file:
                return start - (address + offset - file_at)
    return None


class User(gdb.Command):
    """Load the symbols of a process's program and libraries, and show where its threads are:
    lichen-user PID."""

    root = None

    def __init__(self):
        super().__init__("lichen-user", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        archive = os.environ.get("LICHEN_GDB_ROOTFS")
        if not archive:
            raise gdb.GdbError("LICHEN_GDB_ROOTFS names no root file system's archive")
        User.root = User.root or Rootfs(archive)
        threads, space = space_of(argument)
        for vma in mappings(space):
            if vma["file"] and int(vma["flags"]) & enumerator("VMA_EXEC"):
                self.add(mapping_name(space, vma), int(vma["start"]), int(vma["pgoff"]) * PAGE)
        for thread in threads:
            user = thread["user"]
            print(describe(thread["task"]))
            for name, value in (("pc", user["pc"]), ("lr", user["x"][30])):
                print(f"    {name} {int(value):#x} {self.place(space, int(value))}")

    @staticmethod
    def place(space, address):
        """The symbol at an address, or at least what is mapped there."""
        symbol = gdb.execute(f"info symbol {address:#x}", to_string=True).strip()
        if not symbol.startswith("No symbol"):
            return symbol
        return next((f"in {mapping_name(space, vma)}" for vma in mappings(space)
                     if int(vma["start"]) <= address < int(vma["end"])), "")

    def add(self, path, start, offset):
        file = self.root.file(path)
        added = load_address(file, start, offset) if file else None
        if added is None:
            print(f"{path}: not in the root file system's archive")
            return
        gdb.execute(f"add-symbol-file {file} -o {added:#x}", to_string=True)
        print(f"{path} at {added:#x}")


for command in (Tasks, Locks, Maps, User):
    command()
