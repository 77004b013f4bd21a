"""`./lichen exec`: one command in one boot."""

import os

from . import base, build, guest, rootfs, vm


def pair(text, option, split):
    left, colon, right = split(text, ":")
    if not (left and colon and right):
        raise base.Usage(f"{option} {text}: two paths with a colon between them are wanted")
    return left, right


def put_pair(text):
    host, path = pair(text, "--put", str.rpartition)
    if not path.startswith("/"):
        raise base.Usage(f"--put {text}: the guest's path starts with /")
    if not os.path.exists(host):
        raise base.Usage(f"--put {text}: there is no {host}")
    return host, path + os.path.basename(host) if path.endswith("/") else path


def get_pair(text):
    path, host = pair(text, "--get", str.partition)
    if not path.startswith("/"):
        raise base.Usage(f"--get {text}: the guest's path starts with /")
    return path, host


def add_options(parser):
    vm.add_options(parser)
    parser.add_argument("--timeout", type=float, metavar="S")
    parser.add_argument("--put", action="append", default=[], metavar="HOST:GUEST")
    parser.add_argument("--get", action="append", default=[], metavar="GUEST:HOST")


def main(args, words):
    """`words` is what stood after `--`."""
    if not words:
        raise base.Usage("exec: the command goes after `--`")
    if args.timeout is not None and args.timeout <= 0:
        raise base.Usage("--timeout is a positive number of seconds")
    vm.check(args)
    job = guest.Job(argv=words, put=[put_pair(p) for p in args.put],
                    get=[get_pair(g) for g in args.get], timeout=args.timeout)
    build.for_kernel(args.kernel)
    machine = vm.from_args(args, rootfs.find(args.rootfs))
    return guest.run(machine, job)
