"""The normaliser lets pass what luck and the machine decide, and a wrong value fail."""

import unittest

import normalise

PIPELINE = """\
status 0
/run/case: line 4:   215 Killed  strace
@trace
140   execve("/bin/sh", ["sh"], 0xffffcb4f6f38 /* 12 vars */) = 0
140   brk(NULL)                         = 0xaaaad5c46000
140   openat(AT_FDCWD, "/lib/libc.so.6", O_RDONLY|O_CLOEXEC) = 3
140   mmap(NULL, 1892240, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_DENYWRITE, -1, 0) = 0xffffa5e00000
140   mmap(0xffffa5e00000, 1826832, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_DENYWRITE, 3, 0) = 0xffffa5e00000
140   munmap(0xffffa5df1000, 61440)     = 0
140   close(3)                          = 0
140   getppid()                         = 139
140   pipe2([3<pipe:[1271]>, 4<pipe:[1271]>], 0) = 0
140   clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0xffffa8f1b0f0) = 141
140   clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0xffffa8f1b0f0 <unfinished ...>
141   write(1, "a\\n", 2 <unfinished ...>
140   <... clone resumed>)              = 142
141   <... write resumed>)              = 2
141   exit_group(3)                     = ?
142   getpid()                          = 142
142   kill(141, 0)                      = 0
141   +++ exited with 3 +++
140   wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, NULL) = 141
142   +++ exited with 0 +++
140   wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 142
140   --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=141, si_uid=0, si_status=3, si_utime=0, si_stime=6 /* 0.06 s */} ---
140   rt_sigreturn({mask=[]})           = 0
140   openat(AT_FDCWD, "/dev/urandom", O_RDONLY) = 3
140   read(3, "abcd", 4)                = 4
140   close(3)                          = 0
140   clock_gettime(CLOCK_REALTIME, {tv_sec=1764120000, tv_nsec=5}) = 0
140   clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=100, tv_nsec=0}, {tv_sec=99, tv_nsec=5}) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)
140   +++ exited with 0 +++
@end
"""
OTHERS = {"140": "10", "141": "12", "142": "11", "139": "9"}

HARMLESS = [("0xffffcb4f6f38", "0xffffe0000000"), ("61440", "4096"), ("[3<pipe:[1271]>, 4<pipe:[1271]>]", "[3<pipe:[16]>, 4<pipe:[16]>]"),
            ("si_stime=6 /* 0.06 s */", "si_stime=0"), ('"abcd"', '"\\1\\2\\3\\4"'),
            ("tv_sec=1764120000, tv_nsec=5", "tv_sec=5, tv_nsec=7"), ("tv_sec=99,", "tv_sec=98,"),
            ("line 4:   215", "line 4:    80"), ("rt_sigreturn({mask=[]})           = 0",
                                                  "rt_sigreturn({mask=[]})           = 57"),
            ("si_pid=141, si_uid=0, si_status=3", "si_pid=142, si_uid=0, si_status=3")]
WRONG = [("execve(", "execveat("), ("12 vars", "13 vars"), ("libc.so.6", "libc.so.7"),
         ("O_RDONLY|O_CLOEXEC) = 3", "O_RDONLY|O_CLOEXEC) = 4"), ("1892240", "1892241"),
         ("close(3)                          = 0\n140   getppid", "getppid"),
         ("close(3)                          = 0", "close(3)  = -1 EBADF (Bad file descriptor)"),
         ("4<pipe:[1271]>", "4<pipe:[1272]>"), ("getppid()                         = 139",
                                                "getppid()                         = 142"),
         ("write(1, \"a", "write(2, \"a"), ("resumed>)              = 2",
                                            "resumed>)              = 1"),
         ("exit_group(3)", "exit_group(4)"), ("exited with 3", "exited with 4"),
         ("getpid()                          = 142", "getpid()                          = 141"),
         ("kill(141, 0)", "kill(142, 0)"), ("kill(141, 0)", "kill(-141, 0)"),
         ("kill(141, 0)", "kill(141, SIGTERM)"), ("kill(141, 0)                      = 0",
                                                  "kill(141, 0) = -1 ESRCH (No such process)"),
         ("WEXITSTATUS(s) == 3}], 0, NULL) = 141", "WEXITSTATUS(s) == 3}], 0, NULL) = 142"),
         ("WEXITSTATUS(s) == 3", "WEXITSTATUS(s) == 2"), ("si_status=3", "si_status=2"),
         ("CLD_EXITED", "CLD_KILLED"), ("--- SIGCHLD", "--- SIGUSR1"), ("\"abcd\", 4)                = 4",
                                                                      "\"ab\", 4) = 2"),
         ("tv_sec=100", "tv_sec=10"), ("ERESTART_RESTARTBLOCK", "ERESTARTNOHAND"),
         ("status 0\n", "status 1\n"), ("Killed", "Terminated"), ("@end\n", ""),
         ("brk(NULL)                         = 0xaaaad5c46000", "brk(NULL) = -1 ENOMEM (x)")]

TABLE = """\
status 0
@trace
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 56.53    0.228776        6020        38           read
 43.47    0.175935        4511        39         2 openat
------ ----------- ----------- --------- --------- ----------------
100.00    0.404711        5255        77         2 total
@end
"""
TABLE_HARMLESS = [("56.53    0.228776        6020", "50.00    0.000001           0")]
TABLE_WRONG = [("38  ", "37  "), (" 2 openat", " 3 openat"), (" 2 openat", "   openat"),
               ("read", "write"), ("status 0", "status 2")]


def result(function, text):
    try:
        return function(text)
    except ValueError as error:
        return f"wrong: {error}"


class Normaliser(unittest.TestCase):
    def check(self, function, sample, harmless, wrong):
        want = function(sample)
        for old, new in harmless:
            with self.subTest(new=new):
                self.assertIn(old, sample)
                self.assertEqual(want, result(function, sample.replace(old, new, 1)))
        for old, new in wrong:
            with self.subTest(new=new):
                self.assertIn(old, sample)
                self.assertNotEqual(want, result(function, sample.replace(old, new, 1)))

    def test_transcript(self):
        self.check(normalise.strace, PIPELINE, HARMLESS, WRONG)

    def test_table(self):
        self.check(normalise.strace_counts, TABLE, TABLE_HARMLESS, TABLE_WRONG)

    def test_other_numbers_of_processes(self):
        other = PIPELINE
        for old, new in OTHERS.items():
            other = other.replace(f"\n{old} ", f"\n{new}  ").replace(f" = {old}\n", f" = {new}\n")
            other = other.replace(f"kill({old},", f"kill({new},")
            other = other.replace(f"si_pid={old}", f"si_pid={new}")
        self.assertNotEqual(other, PIPELINE)
        self.assertEqual(normalise.strace(PIPELINE), normalise.strace(other))

    def test_who_runs_first(self):
        lines = PIPELINE.splitlines()
        at = next(n for n, line in enumerate(lines) if "exit_group" in line)
        other = lines[:at] + [lines[at + 1], lines[at]] + lines[at + 2:]
        self.assertEqual(normalise.strace(PIPELINE), normalise.strace("\n".join(other)))


if __name__ == "__main__":
    unittest.main()
