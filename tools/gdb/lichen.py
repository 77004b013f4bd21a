"""gdb commands for the kernel: `tasks` shows every task and the coroutines it is in."""

import gdb

STATES = {"TASK_IDLE": "waits", "TASK_QUEUED": "is queued", "TASK_RUNNING": "runs",
          "TASK_RUNNING_WOKEN": "runs, woken", "TASK_DEAD": "is dead"}


def state_name(task):
    for name, words in STATES.items():
        try:
            if int(gdb.parse_and_eval(name)) == int(task["state"]):
                return words
        except gdb.error:
            continue
    return f"state {int(task['state'])}"


def all_tasks():
    """Every task on the kernel's list."""
    head = gdb.parse_and_eval("'task.c'::tasks")
    kind = gdb.lookup_type("struct task")
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == "all")
    at = head["next"]
    while at and at != head.address:
        yield gdb.Value(int(at) - offset).cast(kind.pointer()).dereference()
        at = at["next"]


def frames(task):
    """(function, file, line) of each await the task is in, the innermost first."""
    frame = task["co"]["leaf"]
    while frame:
        point = frame["at"]
        if point:
            yield point["func"].string(), point["file"].string(), int(point["line"])
        frame = frame["caller"]


class Tasks(gdb.Command):
    """Show every task: its state, its CPU and the coroutines it is in."""

    def __init__(self):
        super().__init__("tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for task in all_tasks():
            print(f"{task.address} {task['name'].string()} {state_name(task)}")
            for function, file, line in frames(task):
                print(f"    {function} {file}:{line}")


Tasks()
