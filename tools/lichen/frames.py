"""Reads what comes over the guest's console: frames of the job, and the kernel's log.

rootfs/init/frame.c writes the frames and says how they look. Every byte of a frame has its
high bit set and no byte of the log has.
"""

import base64
import string

OUT, ERR, GET, GOT, STATUS, DIED = range(6)
START, END = 0xC0, 0xFE
LOW, HIGH = bytes(range(0x80)), bytes(range(0x80, 0x100))
BASE64 = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/").encode()
TO_BASE64 = bytes.maketrans(bytes(range(0x80, 0xC0)), BASE64)


class Garbled(Exception):
    """A frame that init cannot have sent."""


def decode(body):
    """The (type, data) of one frame, END left off."""
    kind = body[0] - START
    if not OUT <= kind <= DIED or any(byte >= START for byte in body[1:]):
        raise Garbled()
    text = body[1:].translate(TO_BASE64)
    return kind, base64.b64decode(text + b"=" * (-len(text) % 4))


class Reader:
    """Takes the console's bytes as they come."""

    def __init__(self):
        self.pending = b""

    def feed(self, data):
        """Return (the log's bytes, a list of frames) found in `data`."""
        log = data.translate(None, HIGH)
        *bodies, self.pending = (self.pending + data.translate(None, LOW)).split(bytes([END]))
        return log, [decode(body) for body in bodies if body]
