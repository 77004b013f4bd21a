"""The parts of tools/lichen that need no guest."""

import io
import pathlib
import random
import tempfile
import unittest

from lichen import base, batch, debian, distro, frames, guest, guesttests, initrd, oracle, vm


def encode(kind, data):
    """A frame as rootfs/init/frame.c makes it."""
    out = bytearray([frames.START | kind])
    for i in range(0, len(data), 3):
        piece = data[i:i + 3]
        bits = int.from_bytes(piece.ljust(3, b"\0"), "big")
        out += bytes(0x80 | bits >> shift & 63 for shift in (18, 12, 6, 0))[:len(piece) + 1]
    return bytes(out) + bytes([frames.END])


class Frames(unittest.TestCase):
    def test_every_length_comes_back(self):
        for size in range(10):
            data = bytes(range(250, 250 - size, -1))
            self.assertEqual(frames.Reader().feed(encode(frames.OUT, data)),
                             (b"", [(frames.OUT, data)]))

    def test_a_log_anywhere_and_any_pieces(self):
        rng = random.Random(1)
        for _ in range(200):
            data, log = rng.randbytes(rng.randrange(60)), b"log line\r\n"
            line = bytearray(encode(frames.ERR, data))
            for byte in log:
                line.insert(rng.randrange(len(line) + 1), byte)
            reader, seen, found = frames.Reader(), b"", []
            while line:
                size = rng.randrange(1, 9)
                more, new = reader.feed(bytes(line[:size]))
                del line[:size]
                seen, found = seen + more, found + new
            self.assertEqual(sorted(seen), sorted(log))
            self.assertEqual(found, [(frames.ERR, data)])

    def test_a_broken_frame_is_noticed(self):
        whole = encode(frames.OUT, b"some data")
        with self.assertRaises(frames.Garbled):
            frames.Reader().feed(whole[:5] + whole)
        with self.assertRaises(frames.Garbled):
            frames.Reader().feed(bytes([0xC0 | 20, frames.END]))


class Replacing(unittest.TestCase):
    def test_nothing_half_made_is_left(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "thing"
            with self.assertRaises(KeyboardInterrupt), base.replacing(path) as made:
                made.write_text("half")
                raise KeyboardInterrupt
            self.assertEqual(list(path.parent.iterdir()), [])
            for text in ("first", "second"):
                with base.replacing(path) as made:
                    made.mkdir()
                    (made / "f").write_text(text)
            self.assertEqual((path / "f").read_text(), "second")
            self.assertEqual([p.name for p in path.parent.iterdir()], ["thing"])


class Reports(unittest.TestCase):
    def session(self):
        job = guest.Job(["x"])
        return guest.Session(job, io.BytesIO(), io.BytesIO(), vm.Machine())

    def test_our_panic_is_recognised_and_ends(self):
        session = self.session()
        session.feed(b"[1] fine\r\nKERNEL PANIC: broken\r\n x0 1\r\n")
        self.assertFalse(session.over())
        session.feed(b"---[ end of panic ]---\r\n")
        self.assertTrue(session.over())
        self.assertEqual(session.log.panic[0], "KERNEL PANIC: broken")

    def test_a_death_by_signal_is_128_and_more(self):
        session = self.session()
        session.feed(encode(frames.STATUS, b"signal 9"))
        self.assertEqual(session.result(False, ""), 137)

    def test_a_guest_that_gives_up_is_a_failure_of_its_own(self):
        session = self.session()
        session.feed(encode(frames.DIED, b"no root"))
        with self.assertRaises(base.Failure) as caught:
            session.result(False, "")
        self.assertEqual(caught.exception.status, guest.NOT_RUN)


class Parts(unittest.TestCase):
    def test_modules_come_after_what_they_need(self):
        needs = {"a": ["b", "c"], "b": ["c"], "c": [], "d_e": []}
        self.assertEqual(oracle.load_order(["a", "d-e"], needs.get), ["c", "b", "a", "d_e"])

    def test_the_archive_is_padded_for_an_image_behind_it(self):
        data = initrd.archive([("init", 0o100755, b"x" * 4097)])
        self.assertEqual(len(data) % initrd.ALIGN, 0)
        self.assertTrue(data.startswith(b"070701"))
        self.assertIn(b"TRAILER!!!", data)

    def test_why_a_fetch_failed(self):
        self.assertIn("network", debian.explain(b"Could not resolve 'x'"))
        self.assertIn("keyring", debian.explain(b"NO_PUBKEY 1234"))
        self.assertEqual(debian.explain(b"I: x\nE: broken\n"), "broken")

    def test_the_first_disk_is_last_on_the_command_line(self):
        args = vm.disk_args(vm.Machine(root="/r", disks=(("/a,b", False), ("/c", True))))
        files = [arg for arg in args if arg.startswith("file=")]
        self.assertEqual([f.split(",format")[0] for f in files],
                         ["file=/c", "file=/a,,b", "file=/r"])
        self.assertIn("snapshot=on", files[2])
        self.assertIn("readonly=on", files[1])

    def test_answers_of_a_batch_in_any_pieces(self):
        text = b"@start a\n@end a 3 2 1\nxyz@start b\n@end b limit 0 0\n@start c\n"
        for size in range(1, len(text)):
            found = {}
            collector = batch.Collector(found.__setitem__)
            for i in range(0, len(text), size):
                collector.write(text[i:i + size])
            self.assertEqual(found, {"a": batch.Answer("3", b"xy", b"z"),
                                     "b": batch.Answer("limit")})
            self.assertEqual(collector.running, "c")

    def test_results_of_a_guest_program(self):
        answer = batch.Answer("139", b"ok one\n# why\nnot ok two\n# lost\n")
        found = guesttests.results("p", answer)
        self.assertIsNone(found["p.one"])
        self.assertEqual(found["p.two"], ["# why"])
        self.assertIn("the program ended with 139", found["p.whole"])


class Distro(unittest.TestCase):
    def test_cases_are_many_and_normalisers_few(self):
        cases = distro.all_cases()
        self.assertGreaterEqual(len(cases), 80)
        self.assertTrue(all(case.lines for case in cases))

    def test_a_known_difference_that_passes_must_go(self):
        case, = [c for c in distro.all_cases() if c.name == "echo"]
        same, other = batch.Answer("0", b"x"), batch.Answer("0", b"y")
        for known, got, fails in (({}, same, 0), ({}, other, 1), ({"echo": "why"}, other, 0),
                                  ({"echo": "why"}, same, 1)):
            score = distro.Score([case], {"echo": same}, known, out=io.StringIO())
            score.judge("echo", got)
            self.assertEqual(score.failed, fails)


if __name__ == "__main__":
    unittest.main()
