"""Every normaliser lets small differences pass and a wrong value fail."""

import unittest

import normalise

PS = """\
USER       PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND
root         1 48.3  0.0   1040   644 ?        S    14:28   0:03 /init
root         2  1.2  0.0      0     0 ?        S    14:28   0:00 [kthreadd]
root       147  2.0  0.3   6404  3464 ?        R    14:28   0:00 ps aux
"""
FREE = """\
               total        used        free      shared  buff/cache   available
Mem:          991436       77536      912224        3040       13972      913900
Swap:              0           0           0
"""
MOUNT = """\
proc on /proc type proc (rw,nosuid,nodev,noexec,relatime)
overlay on / type overlay (rw,relatime,lowerdir=/lower,upperdir=/u,workdir=/w,uuid=on)
"""
DF = """\
Filesystem     Type     1K-blocks  Used Available Use% Mounted on
overlay        overlay     495716   524    495192   1% /
tmpfs          tmpfs       495716     0    495716   0% /tmp
"""
UPTIME = " 14:28:31 up 0 min,  0 users,  load average: 0.20, 0.05, 0.01\n"

# (function, sample, [changes that do not matter], [changes that do])
CASES = [
    (normalise.ps_aux, PS,
     [("48.3", " 0.1"), ("  147 ", "  201 "), ("14:28   0:03", "09:00   0:00"),
      ("root         2  1.2  0.0      0     0 ?        S    14:28   0:00 [kthreadd]\n", "")],
     [("/init", "/other"), ("?        R", "?        Z"), ("6404  3464", "6404  9999"),
      ("root       147", "nobody     147"), ("1040   644", "1040     0")]),
    (normalise.free, FREE,
     [("991436", "995436"), (" 77536", " 60000"), ("  3040", "     0")],
     [("991436", "     0"), ("991436", "1991436"), ("912224", "991437"), ("13972", "    0"),
      ("Swap:              0", "Swap:            100"), ("913900", "     1")]),
    (normalise.mount, MOUNT,
     [(",relatime", ""), (",uuid=on", "")],
     [("nosuid,", ""), ("type overlay", "type ext4"), ("on / type", "on /x type"),
      ("(rw,relatime", "(ro,relatime")]),
    (normalise.df, DF,
     [("495716   524    495192", "500000   900    499100")],
     [("495716   524", "495716   999"), ("tmpfs          tmpfs", "none           tmpfs"),
      ("/tmp", "/var"), ("495716     0    495716", "     0     0         0")]),
    (normalise.uptime, UPTIME,
     [("14:28:31", "09:10:11"), ("0 min", "3 min"), ("0.20", "3.00")],
     [("0 users", "2 users"), ("0.20", "99.00"), (", 0.01", ""), ("14:28:31", "now")]),
]


class Normalisers(unittest.TestCase):
    def test_small_differences_pass(self):
        for function, sample, harmless, _ in CASES:
            for old, new in harmless:
                with self.subTest(function=function.__name__, new=new):
                    changed = sample.replace(old, new, 1)
                    self.assertNotEqual(changed, sample)
                    self.assertEqual(function(changed), function(sample))

    def test_wrong_values_fail(self):
        for function, sample, _, wrong in CASES:
            for old, new in wrong:
                with self.subTest(function=function.__name__, new=new):
                    changed = sample.replace(old, new, 1)
                    self.assertNotEqual(changed, sample)
                    self.assertNotEqual(function(changed), function(sample))

    def test_the_right_value_is_sound(self):
        for function, sample, _, _ in CASES:
            with self.subTest(function=function.__name__):
                self.assertNotIn("wrong", function(sample))


if __name__ == "__main__":
    unittest.main()
