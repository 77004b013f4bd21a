"""Root file systems: made from a recipe under rootfs/, or from an image or a tar file.

A recipe's packages are unpacked without running anything, then configured once in the
guest under the oracle; the outcome is a tar file in the cache, named by the hash of the
recipe, from which mke2fs makes the image in the build tree. A recipe with a file `over`
is the one named there with the files of a few packages laid over it, nothing configured.
"""

import errno
import hashlib
import os
import pathlib
import shlex

from . import base, debian, guest, vm

RECIPES = base.SOURCE / "rootfs"
IMAGE_MIN = 1 << 30                 # bytes; smaller file systems get smaller blocks;
                                    # a larger tree gets half its size for its own growth
CONFIGURE_DISK = 4 << 30            # bytes; room for the configured tree, sparse
CONFIGURE_LIMIT = 1800              # seconds
ESSENTIAL = "?essential ?not(?exact-name(apt))"     # apt counts itself, Debian does not
KEEP_DEBS = ('mkdir "$1/debs"', 'cp "$1"/var/cache/apt/archives/*.deb "$1/debs/"')
OUTSIDE = ("proc", "sys", "dev", "run", "tmp")
EXT4_MAGIC = (0x438, b"\x53\xEF")


def listed(recipe):
    """The packages a recipe names; a line `include NAME` stands for another recipe's."""
    for line in (recipe / "packages").read_text().splitlines():
        words = line.split("#")[0].split()
        if len(words) == 2 and words[0] == "include":
            yield from listed(RECIPES / words[1])
        elif words:
            yield " ".join(words)


def suite(recipe):
    """The Debian suite a recipe is made of: the one in its file `suite`, or Debian 13."""
    file = recipe / "suite"
    return file.read_text().strip() if file.exists() else debian.SUITE


def packages(recipe):
    return [ESSENTIAL, *listed(recipe)]


def make_image(tars, image, excludes=()):
    """An ext4 image with what the first tar file holds, owners and extended attributes kept, and
    what is below usr in the others; as root or under fakeroot."""
    with base.replacing(image) as made:
        tree = made.parent / "tree"
        unpack = ["tar", "-x", "-p", "--numeric-owner", "--xattrs", "--xattrs-include=*",
                  "--warning=no-unknown-keyword", "-C", tree]
        unpacks = [[*unpack, "-f", tars[0], *(f"--exclude=./{name}" for name in excludes)]]
        unpacks += [[*unpack, "-f", tar, "./usr"] for tar in tars[1:]]
        mke2fs = shlex.join(map(str, ["mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, made]))
        least = IMAGE_MIN >> 10
        script = " && ".join((
            shlex.join(map(str, ["mkdir", tree])),
            *(shlex.join(map(str, words)) for words in unpacks),
            f"size=$(du -sk {shlex.quote(str(tree))}) && size=$((${{size%%[!0-9]*}} * 3 / 2))",
            f"{mke2fs} $((size > {least} ? size : {least}))k"))
        fake = [] if os.geteuid() == 0 else ["fakeroot"]
        base.run([*fake, "sh", "-c", script], f"making {image.name}",
                 env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))


def configure(recipe, unpacked, out):
    """Run the recipe's script over the unpacked tree in the guest; `out` becomes the tar."""
    base.say(f"configuring {recipe.name} in the guest, once: about three minutes")
    image = out.parent / "unpacked.ext4"
    make_image([unpacked], image, excludes=["dev/*"])
    with open(out, "wb") as disk:
        disk.truncate(CONFIGURE_DISK)
    skip = " ".join(f"--exclude='./{name}/*'" for name in OUTSIDE)
    script = f"sh /run/configure >&2 && tar -C / -c --numeric-owner {skip} -f /dev/vdb ."
    machine = vm.Machine(kernel="linux", root=image, smp=1, mem="3G", disks=((out, True),))
    job = guest.Job(argv=["sh", "-c", script], timeout=CONFIGURE_LIMIT,
                    put=[(recipe / "configure", "/run/configure")])
    with open(out.parent / "log", "w+b") as log:
        status = guest.run(machine, job, out=log, err=log)
        if status:
            log.seek(0)
            lines = log.read().decode(errors="replace").splitlines()
            raise base.Failure("\n".join(lines[-20:]) + f"\nconfiguring {recipe.name} failed")


def cut_holes(path):
    """Cut the zeros off the end of a sparse archive; it keeps the two blocks that end it."""
    with open(path, "r+b") as data:
        end = at = 0
        try:
            while True:
                at = os.lseek(data.fileno(), end, os.SEEK_DATA)
                end = os.lseek(data.fileno(), at, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        data.truncate(end + 1024)


def recipe_hash(name):
    recipe = RECIPES / name
    return base.digest(suite(recipe), *packages(recipe), recipe / "configure", *KEEP_DEBS)


def recipe_tar(name):
    """The configured tree of a recipe, from the cache or made now."""
    recipe = RECIPES / name
    tar = base.cache_dir() / f"rootfs-{name}-{recipe_hash(name)}.tar"
    with base.locked(tar):
        if not tar.exists():
            unpacked = debian.fetch(f"unpacked-{name}", packages(recipe), KEEP_DEBS,
                                    suite(recipe))
            with base.replacing(tar) as made:
                configure(recipe, unpacked, made)
                cut_holes(made)
            base.remove(unpacked)
    return tar


def recipe_tars(name):
    """All a recipe consists of: the tree, then what is laid over it."""
    over = RECIPES / name / "over"
    if not over.exists():
        return [recipe_tar(name)]
    return [*recipe_tars(over.read_text().strip()),
            debian.fetch_files(name, list(listed(RECIPES / name)))]


def image_from(tars, image):
    """The image made of `tars`, remade when the tar files are others."""
    states = [(str(tar.resolve()), tar.stat()) for tar in tars]
    want = base.digest(*(word for name, state in states
                         for word in (name, str(state.st_size), str(state.st_mtime_ns))))
    stamp = image.with_suffix(".stamp")
    with base.locked(image):
        if image.exists() and stamp.exists() and stamp.read_text() == want:
            return image
        stamp.unlink(missing_ok=True)
        base.say(f"making {image}")
        make_image(tars, image)
        stamp.write_text(want)
    return image


def tar_identity(tar):
    note = tar.with_suffix(".id")
    if not note.exists():
        with open(tar, "rb") as data:
            content = hashlib.file_digest(data, "sha256").hexdigest()[:16]
        with base.replacing(note) as made:
            made.write_text(content)
    return note.read_text()


def identity(name):
    """The hash of what a recipe made."""
    return "-".join(tar_identity(tar) for tar in recipe_tars(name))


def is_ext4(path):
    with open(path, "rb") as image:
        image.seek(EXT4_MAGIC[0])
        return image.read(2) == EXT4_MAGIC[1]


def find(spec):
    """The image that --rootfs means; None for the initial file system alone."""
    images = base.build_dir() / "rootfs"
    if spec == "none":
        return None
    if (RECIPES / spec / "packages").is_file():
        return image_from(recipe_tars(spec), images / f"{spec}.ext4")
    path = pathlib.Path(spec)
    if not path.is_file():
        raise base.Usage(f"--rootfs {spec}: neither a recipe under rootfs/ nor a file")
    if is_ext4(path):
        return path
    name = base.digest(str(path.resolve()))
    return image_from([path], images / f"tar-{name}.ext4")


def archive(spec):
    """The tar file of what --rootfs means, without what is laid over it; None for an image, or
    nothing."""
    if (RECIPES / spec / "packages").is_file():
        return recipe_tars(spec)[0]
    path = pathlib.Path(spec)
    return path if path.is_file() and not is_ext4(path) else None
