"""`./lichen distro`: real commands in the guest, compared with Linux on the same image.

Linux's answers are kept in the cache, by the hash of the image and of the case's lines.
"""

import base64
import difflib
import importlib.util
import json
import pathlib
import re
import tempfile

from . import base, batch, build, rootfs, vm

NORMALISERS_MAX = 8
HEADER = re.compile(r"\[([a-z0-9.-]+)\]((?: \w+=\w+)*)")
DIFFERENCE_MAX = 40         # lines shown of one difference


class Tier:
    """A folder of cases, and the image they run in."""

    def __init__(self, folder, recipe, normaliser=None, put=(), disk=0):
        self.folder, self.recipe = base.SOURCE / folder, recipe
        self.disk = disk                    # bytes of a disk that cases may write; 0: none
        self.normaliser = normaliser        # of cases that name none
        self.put = list(put)                # (host file, guest path) that all cases may use
        prelude = self.folder / "prelude"
        self.prelude = prelude.read_text() if prelude.exists() else ""

    def inputs(self):
        """What the answers depend on, besides the image and a case's own lines."""
        return [part for part in [self.prelude] if part] + [path for path, _ in self.put]


DISTRO = Tier("tests/distro", "debian")
SCREEN = "guest_screen.py"
DEV = Tier("tests/distro/dev", "dev",
           put=[(base.SOURCE / "tests/distro/dev" / SCREEN, f"/run/cases/{SCREEN}")])
DISK = Tier("tests/distro/disk", "disk", disk=256 << 20)
TIERS = {"debian": DISTRO, "disk": DISK}


class Case:
    """A named script and its options."""

    def __init__(self, name, options):
        self.name, self.lines = name, []
        self.limit = int(options.pop("limit", 60))
        self.normaliser = options.pop("normalise", None)
        if options:
            raise base.Failure(f"case {name}: unknown option {next(iter(options))}")

    def script(self):
        return "\n".join(self.lines) + "\n"


def read_cases(path):
    cases = []
    for line in path.read_text().splitlines():
        header = HEADER.fullmatch(line)
        if header:
            options = dict(word.split("=") for word in header.group(2).split())
            cases.append(Case(header.group(1), options))
        elif cases and (line.strip() or cases[-1].lines):
            cases[-1].lines.append(line)
    for case in cases:
        while case.lines and not case.lines[-1].strip():
            case.lines.pop()
    return cases


def all_cases(tier=DISTRO):
    cases = [case for path in sorted(tier.folder.glob("*.cases")) for case in read_cases(path)]
    names = [case.name for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise base.Failure("cases of the same name: " + " ".join(sorted(twice)))
    for case in cases:
        case.normaliser = case.normaliser or tier.normaliser
    if not tier.normaliser and \
            sum(case.normaliser is not None for case in cases) > NORMALISERS_MAX:
        raise base.Failure(f"more than {NORMALISERS_MAX} cases have a normaliser")
    return cases


def known_differences(tier=DISTRO):
    text = (tier.folder / "expect").read_text()
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return dict(line.split(None, 1) for line in lines if line)


def normalisers(tier=DISTRO):
    path = tier.folder / "normalise.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("normalise", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def key(case, tier=DISTRO):
    return base.digest(case.script(), str(case.limit), *tier.inputs())


def load_answer(path):
    fields = json.loads(path.read_text())
    return batch.Answer(fields["status"], base64.b64decode(fields["out"]),
                        base64.b64decode(fields["err"]))


def save_answer(path, answer):
    fields = {"status": answer.status, "out": base64.b64encode(answer.out).decode(),
              "err": base64.b64encode(answer.err).decode()}
    with base.replacing(path) as made:
        made.write_text(json.dumps(fields))


def run_cases(tier, cases, kernel, smp, image, done):
    """Run the cases on a kernel; `done(name, answer)` is called for each."""
    items = [batch.Item(case.name, ["/bin/bash", f"/run/cases/{case.name}"], case.limit)
             for case in cases]
    put = [((tier.prelude + case.script()).encode(), f"/run/cases/{case.name}")
           for case in cases]
    put += tier.put
    with tempfile.NamedTemporaryFile(prefix="lichen-") as disk:
        disk.truncate(tier.disk)
        disks = ((pathlib.Path(disk.name), True),) if tier.disk else ()
        machine = vm.Machine(kernel=kernel, root=image, disks=disks, smp=smp, mem="1G")
        batch.run(machine, items, put, done)


def linux_answers(tier, cases, image, fresh=False, smp=2):
    """Linux's answer to each case, from the cache or from a boot now."""
    folder = base.cache_dir() / "answers" / rootfs.identity(tier.recipe)
    names = {case.name: folder / key(case, tier) for case in cases}
    missing = [case for case in cases if fresh or not names[case.name].exists()]
    answers = {case.name: load_answer(names[case.name]) for case in cases if case not in missing}
    if missing:
        base.say(f"asking Linux for {len(missing)} answers")

    def note(name, answer):
        answers[name] = answer
        if answer.status.isdigit():
            save_answer(names[name], answer)

    if missing:
        run_cases(tier, missing, "linux", smp, image, note)
    return answers


def comparable(case, answer, functions):
    """The lines that must be the same."""
    out = answer.out.decode(errors="backslashreplace")
    if case.normaliser:
        try:
            out = getattr(functions, case.normaliser)(out)
        except (ValueError, IndexError) as error:
            out = f"not to be understood: {error}\n{out}"
    err = answer.err.decode(errors="backslashreplace")
    return [f"status {answer.status}", *out.splitlines(),
            *(f"stderr: {line}" for line in err.splitlines())]


def difference(case, want, got, functions):
    """Nothing if the answers are the same, else the lines that show why not."""
    if not want.status.isdigit():
        return [f"no answer of Linux's to compare with: {want.status}"]
    left, right = comparable(case, want, functions), comparable(case, got, functions)
    if left == right:
        return []
    lines = list(difflib.unified_diff(left, right, "linux", "here", lineterm="", n=1))
    return lines[:DIFFERENCE_MAX] + (["..."] if len(lines) > DIFFERENCE_MAX else [])


class Score:
    """Judges answers as they come and counts."""

    def __init__(self, cases, want, known, out=None, tier=DISTRO):
        self.cases = {case.name: case for case in cases}
        self.want, self.known, self.functions = want, known, normalisers(tier)
        self.expect = (tier.folder / "expect").relative_to(base.SOURCE)
        self.passed = self.failed = 0
        self.out = out

    def judge(self, name, got):
        lines = difference(self.cases[name], self.want[name], got, self.functions)
        if name in self.known and not lines:
            lines = [f"passes, but stands in {self.expect}: take it off"]
        elif name in self.known:
            lines = []
        if lines:
            self.failed += 1
            print(f"FAIL {name}", *lines, sep="\n    ", flush=True, file=self.out)
        else:
            self.passed += 1
            print(f"ok {name}", flush=True, file=self.out)


def add_options(parser):
    parser.add_argument("--kernel", default="lichen", choices=("lichen", "linux"))
    parser.add_argument("--smp", type=int, default=1)
    parser.add_argument("-k", dest="name", metavar="NAME")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--list", action="store_true")


def judge(tier, args, targets=()):
    """The tier's cases that are asked for, on the kernel that is."""
    cases = [case for case in all_cases(tier)
             if not args.name or re.search(args.name, case.name)]
    if not cases:
        raise base.Usage(f"{tier.folder.name}: no case is named like {args.name}")
    if args.list:
        print(*(case.name for case in cases), sep="\n")
        return 0
    build.for_kernel(args.kernel)
    build.ensure(["guest-init", "guest-batch", *targets])
    image = rootfs.find(tier.recipe)
    want = linux_answers(tier, cases, image, args.fresh)
    known = known_differences(tier) if args.kernel == "lichen" else {}
    score = Score(cases, want, known, tier=tier)
    run_cases(tier, cases, args.kernel, args.smp, image, score.judge)
    print(f"{score.passed} passed, {score.failed} failed")
    return 1 if score.failed else 0


def add_tier(parser):
    add_options(parser)
    parser.add_argument("--tier", default="debian", choices=tuple(TIERS))


def main(args):
    return judge(TIERS[args.tier], args)
