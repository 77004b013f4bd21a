"""What may differ between two kernels in what strace shows: addresses, process numbers, times,
inode numbers, random bytes, and which of two processes ran first. All else must be the same.

normalise_test.py shows that a wrong value does not pass.
"""

import re

START, END = "@trace", "@end"
OUTSIDE = "OUTSIDE"             # a process that was not traced

# Files whose contents are a kernel's own.
KERNEL_FILES = ("/dev/urandom", "/proc/filesystems", "/proc/self/maps", "/proc/meminfo")

MAKES = re.compile(r"(?:clone|clone3|fork|vfork)\(.*\) += (\d+)$")
RESULT_IS_PROCESS = re.compile(
    r"^((?:clone|clone3|fork|vfork|getpid|gettid|getppid|getpgid|getpgrp|getsid|setsid|"
    r"set_tid_address|wait4|waitid)\(.*\) = )(\d+)$")
ARGUMENT_IS_PROCESS = re.compile(
    r"^((?:wait4|kill|tgkill|tkill|setpgid|getpgid|getsid|sched_getaffinity)\((?!-1\b)-?)(\d+)\b")
SECOND_IS_PROCESS = re.compile(r"^((?:tgkill|setpgid)\(\w+, )(\d+)\b")
NAMED_PROCESS = re.compile(r"((?:si_pid=|parent_tid=\[|child_tid=\[|PGRP, \[|"
                           r"FUTEX_WAIT_BITSET\|FUTEX_CLOCK_REALTIME, ))(\d+)\b")

PLAIN = [
    (re.compile(r"\) += "), ") = "),
    (re.compile(r"0x[0-9a-f]{7,}"), "ADDR"),
    (re.compile(r"^(brk\(.*\)) = 0x[0-9a-f]+"), r"\1 = ADDR"),
    (re.compile(r"^brk\(0x[0-9a-f]+\)"), "brk(ADDR)"),
    # The shell's word for a child that a signal ended.
    (re.compile(r"(line \d+:) +\d+ "), r"\1 PID "),
    (re.compile(r"^\[[0-9a-f]{16}\]"), "[ADDR]"),
    (re.compile(r"si_([us])time=\d+(?: /\* [^*]* \*/)?"), r"si_\1time=T"),
    (re.compile(r'getrandom\(".*?"\.{0,3}, '), "getrandom(RANDOM, "),
    (re.compile(r"(\b[a-z_]*ino)=\d+"), r"\1=I"),
    (re.compile(r"(st_[amc]time)=[^,}]*"), r"\1=T"),
    (re.compile(r"(st_[amc]time_nsec)=\d+"), r"\1=T"),
    (re.compile(r"makedev\(0, \d+\)|makedev\(0, 0x[0-9a-f]+\)"), "makedev(0, D)"),
    (re.compile(r"(stx_dev_minor|stx_mnt_id)=\w+"), r"\1=D"),
    (re.compile(r'^(statx\(AT_FDCWD(?:<[^>]*>)?, "/(?:dev|proc|sys)", .*)stx_size=\d+'), r"\1SIZE"),
    # The folder of all cases, of which there may be more or fewer.
    (re.compile(r'^(newfstatat\(AT_FDCWD, "/tmp/batch", .*st_size)=\d+'), r"\1=SIZE"),
    (re.compile(r"^(sysinfo\()\{.*\}"), r"\1{MACHINE}"),
    (re.compile(r"(RLIMIT_(?:NPROC|SIGPENDING), .*)\{rlim_cur=\d+, rlim_max=\d+\}"),
     r"\1{LIMIT}"),
    (re.compile(r"^(clock_nanosleep\([^{]*\{[^}]*\}, )\{[^}]*\}"), r"\1{REST}"),
    # Whose register it shows is what was interrupted.
    (re.compile(r"^(rt_sigreturn\(.*\)) = .*"), r"\1"),
]
CLOCKED = re.compile(r"^(?:clock_gettime|gettimeofday|statx|newfstatat|fstat|futex|sysinfo)\(")
TIME = re.compile(r"tv_(n?u?)sec=\d+(?: /\* [^*]* \*/)?")
SAYS = re.compile(r"^(strace: Process )\d+")
NUMBERED = re.compile(r"\b(pipe|socket|anon_inode):\[(\d+)\]")


class Process:
    def __init__(self, number):
        self.number, self.lines, self.children, self.unfinished = number, [], [], None


def whole_calls(lines):
    """The processes in the order they are first heard of, calls in one piece."""
    processes = {}
    for line in lines:
        found = re.match(r"(\d+) +(.*)", line)
        number, text = (found[1], found[2]) if found else ("", line)
        process = processes.setdefault(number, Process(number))
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
        if resumed:
            text, process.unfinished = (process.unfinished or "") + resumed[1], None
        if text.endswith(" <unfinished ...>"):
            process.unfinished = text[:-len(" <unfinished ...>")]
            continue
        process.lines.append(text)
        made = MAKES.search(text)
        if made:
            process.children.append(made[1])
    return processes


def in_order(processes):
    """Children after their maker, as it made them."""
    ordered = []

    def add(number):
        process = processes.get(number)
        if process and process not in ordered:
            ordered.append(process)
            for child in process.children:
                add(child)

    for number in processes:
        add(number)
    return ordered


def named(text, names):
    def name(found):
        number = found[2]
        return found[1] + (number if number == "0" else names.get(number, OUTSIDE))
    text = RESULT_IS_PROCESS.sub(name, text)
    text = ARGUMENT_IS_PROCESS.sub(name, text)
    text = SECOND_IS_PROCESS.sub(name, text)
    return NAMED_PROCESS.sub(name, text)


def plain(text):
    for pattern, to in PLAIN:
        text = pattern.sub(to, text)
    if CLOCKED.match(text):
        text = TIME.sub(r"tv_\1sec=T", text)
    return text


def without_trimming(lines):
    """What is cut off a mapping to align it depends on where it lies."""
    kept = []
    for line in lines:
        after = kept[-1] if kept else ""
        if line.startswith("munmap(ADDR, ") and (
                "PROT_NONE, MAP_PRIVATE" in after or
                "PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_DENYWRITE" in after):
            continue
        kept.append(line)
    return kept


def without_vdso_random(lines):
    """Linux's vDSO has getrandom, which wants memory, four calls in a row, and a seed now and
    then; without it there is a call each time. The C library's own start is always one."""
    lines = [line for line in lines if not re.match(r"getrandom\(RANDOM, (24|32), ", line)]
    while True:
        at = next((n for n, line in enumerate(lines) if "MAP_DROPPABLE" in line), None)
        if at is None:
            return lines
        block = lines[at - 1:at + 3]
        if not (len(block) == 4 and block[0].startswith("rt_sigprocmask(SIG_BLOCK, ~[]") and
                block[2].startswith("mmap(NULL, 4096") and
                block[3].startswith("rt_sigprocmask(SIG_SETMASK")):
            raise ValueError("MAP_DROPPABLE is not what is known")
        lines = lines[:at - 1] + lines[at + 3:]


def without_kernel_files(lines):
    """What is read from files that are a kernel's own; how much, of all but random bytes."""
    kept, opened = [], {}
    for line in lines:
        found = re.match(r'openat\(\w+(?:<[^>]*>)?, "([^"]*)".*\) = (\d+)', line)
        if found:
            opened[found[2]] = found[1]
        found = re.match(r"(read|pread64)\((\d+)\b(<[^>]*>)?, ", line)
        name = opened.get(found[2]) if found else None
        if name == "/dev/urandom":
            line = re.sub(r'"(?:[^"\\]|\\.)*"', "RANDOM", line)
        elif name in KERNEL_FILES:
            line = found[0] + "CONTENTS"
        kept.append(line)
    return kept


def waits_sorted(lines):
    """Which of two children ends first is a matter of luck."""
    out, run = [], []
    for line in lines:
        if line.startswith("wait4(-1, [{WIFCONTINUED(s)}]"):
            continue        # seen before the end, or not any more
        if line.startswith("wait4(-1, "):
            run.append(line)
            continue
        out += sorted(run) + [line]
        run = []
    return out + sorted(run)


def chld_last(lines):
    """When a child's end interrupts is a matter of luck: to the end of the process with it."""
    kept, moved, inside = [], [], False
    for line in lines:
        if line.startswith("--- SIGCHLD"):
            inside = True
        last = inside and line.startswith("rt_sigreturn(")
        (moved if inside else kept).append(line)
        # Nothing catches it: the line stands alone.
        if last or (inside and line.startswith("--- SIGCHLD") and not catches(lines)):
            inside = False
    at = next((n for n, line in enumerate(kept) if line.startswith("+++")), len(kept))
    return kept[:at] + moved + kept[at:]


def catches(lines):
    return any(line.startswith("rt_sigreturn(") for line in lines)


def of_child(line, names):
    """Whose end a SIGCHLD tells of: with two it is a matter of luck, too."""
    found = re.match(r"--- SIGCHLD \{.*?si_pid=(\d+)", line)
    if not found or found[1] not in names:
        return line
    return line[:found.start(1)] + "CHILD" + line[found.end(1):]


def joins(line):
    """pthread_join of a thread that has ended already makes no call."""
    return "FUTEX_WAIT_BITSET|FUTEX_CLOCK_REALTIME" in line


def transcript(lines):
    processes = in_order(whole_calls(lines))
    names = {process.number: f"P{n}" for n, process in enumerate(processes) if process.number}
    out = []
    for process in processes:
        own = [re.sub(r"\) += ", ") = ", line) for line in process.lines]
        own = [plain(named(of_child(line, names), names)) for line in own if not joins(line)]
        own = chld_last(waits_sorted(without_kernel_files(without_vdso_random(without_trimming(own)))))
        out += [f"{names.get(process.number, 'P')}: {line}" for line in own]
    numbers = {}

    def renumber(found):
        return f"{found[1]}:[{numbers.setdefault(found[0], len(numbers))}]"
    return [NUMBERED.sub(renumber, line) for line in out]


def strace(text):
    out, block = [], None
    for line in text.splitlines():
        if line == START:
            block = []
        elif line == END and block is not None:
            out += [START, *transcript(block), END]
            block = None
        elif block is not None:
            block.append(line)
        else:
            out.append(plain(SAYS.sub(r"\1PID", line)))
    if block is not None:
        raise ValueError("a transcript without an end")
    return "\n".join(out)


def strace_counts(text):
    """Calls and errors of the table that -c prints, by name; times are not the same."""
    out, inside = [], False
    for line in text.splitlines():
        if line in (START, END):
            inside = line == START
        elif inside and re.match(r"[ -]*[\d.]+ ", line):
            _, _, _, calls, *errors, name = line.split()
            if name == "total":
                continue
            if name == "munmap":        # alignment
                calls = "some"
            out.append(f"{name} {calls} {' '.join(errors)}".rstrip())
            continue
        elif inside:
            continue
        out.append(line)
    return "\n".join(sorted(out))
