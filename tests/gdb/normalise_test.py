"""The normaliser lets pass what the machine decides, and a wrong value fail."""

import unittest

import normalise

SAMPLE = """\
+run
Breakpoint 1, add (a=0, b=1) at ./tests/gdb/debugged.c:17
#0  add (a=0, b=1) at ./tests/gdb/debugged.c:17
#1  0x0000aaaaaaaa0a58 in count () at ./tests/gdb/debugged.c:33
[New Thread 0xfffff7dcf0c0 (LWP 190)]
[New Thread 0xfffff75bf0c0 (LWP 191)]
[Thread 0xfffff7dcf0c0 (LWP 190) exited]
$1 = {1, 2, 3, 100}
[Inferior 1 (process 189) exited with code 03]
TracerPid:\t0
/run/case: line 7:   215 Killed  /run/debugged
status 0
"""
HARMLESS = [("aaaaaaaa0a58", "aaaabcde0a58"), ("189", "7"), ("line 7:   215", "line 7:    12"),
            ("LWP 191", "LWP 300")]
WRONG = [("a=0", "a=1"), (":17", ":18"), ("LWP 191", "LWP 190"), ("100}", "4}"),
         ("exited with code 03", "exited normally"), ("TracerPid:\t0", "TracerPid:\t12"),
         ("LWP 190) exited", "LWP 191) exited"), ("status 0", "status 1"),
         ("process 189", "process 190"), ("in count", "in ??"), ("Killed", "Terminated"),
         ("+run\n", "")]


class Normaliser(unittest.TestCase):
    def test_small_differences_pass(self):
        for old, new in HARMLESS:
            with self.subTest(new=new):
                self.assertIn(old, SAMPLE)
                self.assertEqual(normalise.gdb(SAMPLE),
                                 normalise.gdb(SAMPLE.replace(old, new, 1)))

    def test_wrong_values_fail(self):
        for old, new in WRONG:
            with self.subTest(new=new):
                self.assertIn(old, SAMPLE)
                self.assertNotEqual(normalise.gdb(SAMPLE),
                                    normalise.gdb(SAMPLE.replace(old, new, 1)))


if __name__ == "__main__":
    unittest.main()
