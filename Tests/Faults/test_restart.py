"""A peer that holds 100 GB is back at once: it reads its journal and names, never the data.

The data is zeros that take no room on the disk (holes), so that all leaves are equal and the metainfo
is made in no time. The journal is written here, in the worst form there is: pieces in no order, one
record each."""

import ctypes
import ctypes.util
import hashlib
import os
import random
import struct
import time

import bencode
import pytest

from merkle import BLOCK, sha256
from models import MIB
from processes import endpoint_text, eventually
from shoal import endpoint, last_object

pytestmark = pytest.mark.alone

PIECES = 100_000
PIECE = MIB
SIZE = PIECES * PIECE
READY_SECONDS = float(os.environ.get("SHOAL_RESTART_SECONDS", 2.0))
SLOT = 64


class Zeros:
    """The metainfo of one file of zeros."""

    def __init__(self, name=b"zeros"):
        node = sha256(bytes(BLOCK))
        for _ in range((PIECE // BLOCK).bit_length() - 1):
            node = sha256(node + node)
        self.layer = node * PIECES
        padding = bytes(32)
        for _ in range((PIECE // BLOCK).bit_length() - 1):
            padding = sha256(padding + padding)
        # The layers above: equal nodes, then at most one that covers the end, then padding.
        count, last = PIECES, node
        while count > 1:
            parent = sha256(node + node)
            last = sha256(node + last) if count % 2 == 0 else sha256(last + padding)
            padding = sha256(padding + padding)
            count, node = (count + 1) // 2, parent
        self.root = last
        self.info = bencode.encode({
            b"file tree": {b"weights": {b"": {b"length": SIZE, b"pieces root": self.root}}},
            b"meta version": 2,
            b"name": name,
            b"piece length": PIECE,
        })  # fmt: skip
        self.hash = hashlib.sha256(self.info).hexdigest()
        whole = {b"info": bencode.decode(self.info), b"piece layers": {self.root: self.layer}}
        self.torrent = bencode.encode(whole)

    def keep(self, data):
        """Puts the metainfo where a peer keeps those that it is to open again."""
        (data / "torrents").mkdir(parents=True)
        (data / "torrents" / f"{self.hash}.torrent").write_bytes(self.torrent)
        (data / "torrents" / f"{self.hash}.name").write_text("org/zeros@1\n")

    def hole(self, path, mode):
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            file.truncate(SIZE)
        path.chmod(mode)


def journal(root, pieces):
    """A journal that vouches for these pieces, each committed alone."""
    library = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_uint64
    library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]

    def slot(body):
        body = body.ljust(SLOT - 8, b"\0")
        return body + struct.pack("<Q", library.XXH3_64bits(body, len(body)))

    blocks = PIECE // BLOCK
    slots = [slot(b"shoal journal 1\n")]
    for number, piece in enumerate(pieces, start=1):
        slots.append(
            slot(struct.pack("<II32sQII", 1, number, root, piece * blocks, blocks, number))
        )
    return b"".join(slots)


def starts(shoal, data, state):
    """Starts a peer on `data`. The seconds until its API shows the version in that state, and what
    it shows."""
    api = endpoint_text(endpoint())
    began = time.monotonic()
    peer = shoal.start(
        "peer", "--listen", endpoint_text(endpoint()), "--api", api, "--data", data
    )

    def shown():
        assert peer.status is None, peer.describe()
        answer = shoal.run("status", "--api", api, "--json", seconds=10)
        if answer.status != 0:
            return None
        versions = last_object(answer.stdout)["versions"]
        return versions[0] if versions and versions[0]["state"] == state else None

    version = eventually(shown, 60, f"the peer shows the version as {state}")
    return peer, time.monotonic() - began, version


@pytest.fixture(scope="module")
def zeros():
    return Zeros()


def assert_quick(seconds, what):
    print(f"{what}: {seconds:.2f} s")
    assert seconds < READY_SECONDS, f"{what} took {seconds:.2f} s"


def test_a_peer_that_holds_100_gb_serves_again_at_once(shoal, tmp_path, zeros):
    data = tmp_path / "data"
    zeros.keep(data)
    zeros.hole(data / "blobs" / zeros.root.hex(), 0o440)
    for life in range(3):
        peer, seconds, version = starts(shoal, data, "seeding")
        assert version["verifiedBytes"] == SIZE
        assert_quick(seconds, f"start {life + 1} of a peer that holds {PIECES} pieces")
        # The first life made the view, without a second copy of anything.
        assert (data / "models/org/zeros/1/weights").stat().st_nlink == 2
        peer.kill()


def test_a_peer_killed_in_the_middle_of_100_gb_goes_on_at_once(shoal, tmp_path, zeros):
    data = tmp_path / "data"
    zeros.keep(data)
    zeros.hole(data / "partial" / zeros.root.hex(), 0o640)
    held = random.Random(7).sample(range(PIECES), PIECES // 2)
    (data / "journal").write_bytes(journal(zeros.root, held))
    for life in range(3):
        peer, seconds, version = starts(shoal, data, "downloading")
        assert version["verifiedBytes"] == len(held) * PIECE
        assert_quick(seconds, f"start {life + 1} of a peer with {len(held)} of {PIECES} pieces")
        peer.kill()
