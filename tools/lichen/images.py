"""`./lichen abuse images`: the kernel is given what is broken, as initrd, as root and as disk.

Whatever it is, the machine ends or init reports, with a line that says why, within a limit;
a panic or a hang fails. Damage is seeded: the same in every run.
"""

import io
import pathlib
import random
import re
import stat
import subprocess
import tempfile

from . import base, guest, initrd, vm

LIMIT = 60                  # seconds for one boot
SIZE = 8 << 20
CHUNK = 512
DISKS = 24                  # in one boot
SEEDS = 2
KINDS = (("ext4", []), ("ext4", ["-O", "^metadata_csum"]),
         ("ext4", ["-O", "^metadata_csum,^flex_bg", "-b", "4096"]), ("ext2", ["-b", "1024"]),
         ("ext3", ["-b", "2048"]), ("ext4", ["-O", "^metadata_csum,^64bit,^extent"]))
# What a console line must say when there is no way on.
GIVES_UP = re.compile(r"cannot|no /init|No working init|not syncing|there is no|init|gave up")


def make_tree(folder):
    """Something of every kind, with more entries than fit into one block."""
    (folder / "deep/er/still").mkdir(parents=True)
    (folder / "deep/er/still/file").write_bytes(bytes(range(256)) * 40)
    many = folder / "many"
    many.mkdir()
    for n in range(300):
        (many / f"a-rather-long-name-number-{n:04}").write_text(f"{n}\n" * (n % 50))
    (folder / "link").symlink_to("deep/er")
    (folder / "long-link").symlink_to("x" * 200)
    with open(folder / "sparse", "wb") as sparse:
        for at in range(0, 1 << 20, 1 << 16):
            sparse.seek(at)
            sparse.write(b"here")


def make_image(path, kind, options):
    with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
        make_tree(pathlib.Path(folder))
        with open(path, "wb") as image:
            image.truncate(SIZE)
        base.run(["mke2fs", "-q", "-F", "-t", kind, *options, "-d", folder, path], "mke2fs")
    return path.read_bytes()


def damage(good, used, seed):
    """Change bytes in the places that are in use, seldom the superblock."""
    random_ = random.Random(seed)
    image = bytearray(good)
    for _ in range(random_.choice((1, 4, 20, 100))):
        at = random_.choice(used) + random_.randrange(CHUNK)
        image[at] = random_.choice((0, 0xff, 0x80, 1, image[at] ^ 1 << random_.randrange(8),
                                    random_.randrange(256)))
    if seed % 5 == 0:
        image[random_.randrange(1024, 2048)] ^= 1 << random_.randrange(8)
    if seed % 7 == 0:
        del image[random_.randrange(1, SIZE // CHUNK) * CHUNK:]
    return bytes(image)


def used_places(good):
    """Where the image is not zero, behind the superblock."""
    return [at for at in range(2048, SIZE, CHUNK) if any(good[at:at + CHUNK])]


def poke(good, changes):
    """The image with (offset, bytes) written over it."""
    image = bytearray(good)
    for at, data in changes:
        image[at:at + len(data)] = data
    return bytes(image)


def broken_roots(good):
    """Name and content of images that no root can be made of (or that just can)."""
    block = 1024
    yield "cut-at-512", good[:512]
    yield "cut-at-1K", good[:1024]
    yield "cut-at-2K", good[:2048]
    yield "cut-at-64K", good[:65536]
    yield "cut-in-half", good[:SIZE // 2]
    yield "zeros", bytes(SIZE)
    yield "random", random.Random(5).randbytes(1 << 20)
    yield "no-magic", poke(good, [(block + 0x38, b"\0\0")])
    yield "block-size", poke(good, [(block + 0x18, b"\xff\0\0\0")])
    yield "blocks", poke(good, [(block + 0x04, b"\xff\xff\xff\xff")])
    yield "blocks-0", poke(good, [(block + 0x04, b"\0\0\0\0")])
    yield "blocks-per-group-0", poke(good, [(block + 0x20, b"\0\0\0\0")])
    yield "inodes-per-group-0", poke(good, [(block + 0x28, b"\0\0\0\0")])
    yield "inodes-per-group", poke(good, [(block + 0x28, b"\xff\xff\xff\xff")])
    yield "inode-size-0", poke(good, [(block + 0x58, b"\0\0")])
    yield "inode-size", poke(good, [(block + 0x58, b"\xff\xff")])
    yield "first-block", poke(good, [(block + 0x14, b"\xff\xff\xff\x7f")])
    yield "incompat", poke(good, [(block + 0x60, b"\xff\xff\xff\xff")])
    yield "desc-size", poke(good, [(block + 0xfe, b"\xff\xff")])
    yield "groups-zero", poke(good, [(2048, bytes(2048))])
    yield "groups-ones", poke(good, [(2048, b"\xff" * 2048)])
    yield "all-but-super", good[:2048] + bytes(SIZE - 2048)


def init_members(content, mode=0o755):
    """An archive's members with this as /init."""
    folders = [(name, stat.S_IFDIR | 0o755) for name in initrd.FOLDERS]
    return folders + ([("init", stat.S_IFREG | mode, content)] if content is not None else [])


def broken_initrds():
    """Name and content of initrds that the kernel cannot start from."""
    program = (base.build_dir() / "guest/init").read_bytes()
    archive = initrd.archive
    whole = archive(init_members(program))
    yield "no-init", archive(init_members(None))
    yield "init-empty", archive(init_members(b""))
    yield "init-text", archive(init_members(b"hello\n"))
    yield "init-zeros", archive(init_members(bytes(5000)))
    yield "init-cut-100", archive(init_members(program[:100]))
    yield "init-cut-4096", archive(init_members(program[:4096]))
    yield "init-cut-half", archive(init_members(program[:len(program) // 2]))
    yield "init-entry", archive(init_members(poke(program, [(24, b"\xff" * 8)])))
    yield "init-machine", archive(init_members(poke(program, [(18, b"\x3e\0")])))
    yield "init-no-x", archive(init_members(program, 0o644))
    yield "init-script", archive(init_members(b"#!/nowhere\n"))
    yield "init-loop", archive(init_members(b"#!/init\n"))
    yield "init-folder", archive([("init", stat.S_IFDIR | 0o755)])
    yield "init-link", archive([("init", stat.S_IFLNK | 0o777, b"init")])
    yield "init-device", archive([("init", stat.S_IFCHR | 0o777)])
    yield "cpio-random", random.Random(7).randbytes(100000)
    yield "cpio-zeros", bytes(100000)
    yield "cpio-short", whole[:50]
    yield "cpio-cut", whole[:len(whole) // 2]
    yield "cpio-no-trailer", b"".join(initrd.member(*m) for m in init_members(None))
    yield "cpio-magic", poke(whole, [(0, b"070707")])
    yield "cpio-digits", poke(whole, [(54, b"zzzzzzzz")])
    yield "cpio-huge-file", poke(whole, [(54, b"ffffffff")])
    yield "cpio-huge-name", poke(whole, [(94, b"ffffffff")])
    yield "cpio-name-0", poke(whole, [(94, b"00000000")])
    yield "cpio-mode", poke(whole, [(14, b"ffffffff")])
    yield "cpio-dots", archive([("../../x/../init", stat.S_IFREG | 0o755, b"x")])
    for seed in range(8):
        random_ = random.Random(seed)
        spots = [(random_.randrange(0, 1000), random_.randbytes(1)) for _ in range(6)]
        yield f"cpio-flips-{seed}", poke(whole, spots)


def ends(kernel, content):
    """Boot with this initrd; what is wrong with how it ends, or None."""
    machine = vm.Machine(kernel=kernel, verbose=True, smp=1, mem="512M")
    with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
        scratch = pathlib.Path(folder)
        argv = vm.command(machine, scratch, "shell", []) + ["-serial", "stdio", "-monitor", "none"]
        (scratch / "initrd").write_bytes(content)
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=LIMIT)
        except subprocess.TimeoutExpired as late:
            return "does not end:\n" + (late.stdout or b"").decode(errors="replace")[-2000:]
    text = done.stdout.decode(errors="replace")
    if kernel == "lichen" and "KERNEL PANIC" in text:
        return text[text.index("KERNEL PANIC"):][:2000]
    if not GIVES_UP.search(text):
        return "ends without a word:\n" + text[-2000:]
    return None


def boot_root(kernel, path):
    """Use the image as root; what is wrong with what comes of it."""
    program = base.build_dir() / "guest/abuse-walk"
    job = guest.Job(argv=["/walk", "ext4"], put=[(program, "/walk")], cwd="/", timeout=LIMIT)
    try:
        status = guest.run(vm.Machine(kernel=kernel, root=path, smp=2, mem="512M"), job,
                           out=io.BytesIO())
    except base.Failure as failure:
        text = str(failure)
        if failure.status == guest.NOT_RUN and "gave up" in text:
            return None
        return text
    return None if status in (0, 126, 127) else f"status {status}"


def boot_disks(kernel, paths, kind):
    """Walk through all the images in one boot."""
    program = base.build_dir() / "guest/abuse-walk"
    names = [vm.disk_name(n) for n in range(len(paths))]
    out = io.BytesIO()
    job = guest.Job(argv=["/walk", kind, *names], put=[(program, "/walk")], cwd="/",
                    timeout=LIMIT * 5)
    machine = vm.Machine(kernel=kernel, smp=2, mem="512M",
                         disks=tuple((path, False) for path in paths))
    try:
        status = guest.run(machine, job, out=out)
    except base.Failure as failure:
        status = str(failure)
    lines = out.getvalue().decode(errors="replace").splitlines()
    if status or len(lines) < len(paths):
        return f"status {status} after {lines[-1] if lines else 'nothing'}"
    return None


class Score:
    """Prints and counts."""

    def __init__(self):
        self.good = self.bad = 0

    def note(self, name, error):
        print(f"FAIL {name}: {error}" if error else f"ok {name}", flush=True)
        self.bad += error is not None
        self.good += error is None


def run_initrds(kernel, word, score):
    for name, content in broken_initrds():
        if word in f"initrd.{name}":
            score.note(f"initrd.{name}", ends(kernel, content))


def run_roots(kernel, word, score, scratch):
    good = make_image(scratch / "good", "ext4", ["-b", "1024"])
    for name, content in [("whole", good), *broken_roots(good)]:
        if word in f"root.{name}":
            path = scratch / f"root.{name}"
            path.write_bytes(content)
            score.note(f"root.{name}", boot_root(kernel, path))


def run_disks(kernel, word, score, scratch):
    for n, (kind, options) in enumerate(KINDS):
        for seed in range(SEEDS):
            name = f"disks.{kind}-{n}-{seed}"
            if word not in name:
                continue
            good = make_image(scratch / "good", kind, options)
            used = used_places(good)
            paths = []
            for number in range(DISKS):
                paths.append(scratch / f"{name}-{number}")
                paths[-1].write_bytes(damage(good, used, (seed * 1000 + n) * 1000 + number))
            score.note(name, boot_disks(kernel, paths, kind))
            for path in paths:
                path.unlink()


def run(kernel, word):
    """All of it, or what has the word in its name; whether something failed."""
    score = Score()
    with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
        run_initrds(kernel, word, score)
        run_roots(kernel, word, score, pathlib.Path(folder))
        run_disks(kernel, word, score, pathlib.Path(folder))
    print(f"{score.good} of {score.good + score.bad} as expected")
    return score.bad > 0 or score.good == 0
