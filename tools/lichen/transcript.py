"""`./lichen transcript strace|gdb`: what debuggers see of a program, on Linux and here.

Cases as the distro tier's, in images that have the debuggers; every answer goes through the
tier's normaliser.
"""

from . import base, distro

TIERS = {"strace": ("debugged",), "gdb": ("debugged", "crowd")}     # programs of tests/gdb
IMAGES = ("dev", "rolling")


def tier_of(name, recipe):
    put = []
    for program in TIERS[name]:
        put += [(base.build_dir() / "guest" / program, f"/run/{program}"),
                (base.SOURCE / f"tests/gdb/{program}.c", f"/run/tests/gdb/{program}.c")]
    return distro.Tier(f"tests/{name}", recipe, normaliser=name, put=put)


def add_options(parser):
    parser.add_argument("tier", choices=TIERS)
    parser.add_argument("--rootfs", default="dev", choices=IMAGES)
    distro.add_options(parser)
    parser.set_defaults(smp=2)


def main(args):
    return distro.judge(tier_of(args.tier, args.rootfs), args,
                        [f"guest-{program}" for program in TIERS[args.tier]])
