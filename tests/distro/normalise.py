"""What may differ between two kernels in the few outputs that name times and amounts.

Each function takes a case's standard output and returns what must be the same on both.
normalise_test.py shows that a wrong value does not pass.
"""

import re


def within(value, low, high):
    return "sound" if low <= value <= high else f"wrong: {value}"


def ps_aux(text):
    """User, state and command of the processes that are not the kernel's own."""
    head, *lines = text.splitlines()
    kept = []
    for line in lines:
        user, pid, cpu, mem, size, resident, tty, state, _, _, command = line.split(None, 10)
        if command.startswith("["):
            continue
        # The one that prints is running and the others sleep; flags for locks may differ.
        sizes = within(int(resident), 1, int(size))
        loads = within(float(cpu), 0, 999) + "," + within(float(mem), 0, 99)
        kept.append(f"{user} {within(int(pid), 1, 1 << 22)} {sizes} {loads} {tty}"
                    f" {state.rstrip('lN<+')} {command}")
    return "\n".join([head, *kept])


def free(text):
    """The machine has 1 GiB; what is used, free and cached must add up."""
    head, memory, swap = text.splitlines()
    name, total, used, unused, shared, cache, available = memory.split()
    total, used, unused, shared, cache, available = map(
        int, (total, used, unused, shared, cache, available))
    return "\n".join([head, name, swap,
                      "total " + within(total, 900_000, 1_048_576),
                      "used " + within(used, 1_000, total // 2),
                      "free " + within(unused, total // 4, total),
                      "shared " + within(shared, 0, total // 4),
                      "cache " + within(cache, 1_000, total // 2),
                      "sum " + within(unused + cache, 0, total),
                      "available " + within(available, total // 4, total)])


def mount(text):
    """Device, folder, type, and the options that every kernel must keep."""
    shared = {"rw", "ro", "nosuid", "nodev", "noexec"}
    lines = []
    for line in text.splitlines():
        device, on, where, kind, type_, options = line.split()
        kept = [o for o in options.strip("()").split(",") if o in shared]
        lines.append(f"{device} {on} {where} {kind} {type_} {','.join(kept)}")
    return "\n".join(lines)


def df(text):
    """File systems and where they are; blocks must be there and add up."""
    head, *lines = text.splitlines()
    kept = [" ".join(head.split())]
    for line in lines:
        device, type_, blocks, used, free_, share, where = line.split()
        blocks, used, free_ = int(blocks), int(used), int(free_)
        kept.append(f"{device} {type_} {where} {within(blocks, 1, 1 << 21)}"
                    f" {within(used + free_, 0, blocks)} {re.sub('[0-9]+', 'N', share)}")
    return "\n".join(kept)


def uptime(text):
    """A running clock, no users, three loads."""
    found = re.fullmatch(r" \d\d:\d\d:\d\d up +(\d+ min|\d+:\d\d), +0 users?,"
                         r"  load average: (\d+\.\d\d), (\d+\.\d\d), (\d+\.\d\d)\n", text)
    if not found:
        return "wrong: " + text
    return " ".join(within(float(load), 0, 50) for load in found.groups()[1:])
