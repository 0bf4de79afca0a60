"""Seeds that lie, stall or break the rules, beside an honest one. The model arrives whole, soon."""

import struct
import threading

import bencode
import pytest

from models import MIB, assert_same, model
from wire import (
    BITFIELD,
    EXTENDED,
    HASH_REJECT,
    HASHES,
    HAVE,
    HAVE_ALL,
    PIECE,
    UNCHOKE,
    Closed,
    Seed,
    Torrent,
    frame,
    handshake,
)

# Slow enough that the other seed is asked for a good part.
HONEST_BYTES_PER_SECOND = 12 * MIB


class WrongBytes(Seed):
    """Each block with one bit wrong."""

    def answer(self, connection, session, piece, begin, length):
        data = bytearray(self.data(piece, begin, length))
        data[length // 2] ^= 1
        self.send_block(connection, piece, begin, bytes(data))


class SometimesWrong(Seed):
    """One wrong block in a piece of right ones."""

    def answer(self, connection, session, piece, begin, length):
        data = bytearray(self.data(piece, begin, length))
        if begin == 5 * 16384:
            data[7] ^= 0x80
        self.send_block(connection, piece, begin, bytes(data))


class Zeros(Seed):
    """Blocks of nothing."""

    def answer(self, connection, session, piece, begin, length):
        self.send_block(connection, piece, begin, bytes(length))


class OtherBlock(Seed):
    """The right bytes of the wrong place, labelled as asked."""

    def answer(self, connection, session, piece, begin, length):
        other = (piece + 1) % self.torrent.piece_count
        _, _, size = self.torrent.locate(other)
        data = self.data(other, 0, min(length, size)).ljust(length, b"\0")
        self.send_block(connection, piece, begin, data)


class Stalls(Seed):
    """Takes every request and answers none."""

    def answer(self, *_):
        pass


class StallsLater(Seed):
    """Answers a hundred requests and then no more."""

    def answer(self, connection, session, piece, begin, length):
        if sum(self.requests.values()) <= 100:
            super().answer(connection, session, piece, begin, length)


class Chokes(Seed):
    """Chokes after each block, and unchokes again."""

    def answer(self, connection, session, piece, begin, length):
        super().answer(connection, session, piece, begin, length)
        connection.send(frame(0) + frame(UNCHOKE))


class HangsUp(Seed):
    """Closes in the middle of the tenth block."""

    def answer(self, connection, session, piece, begin, length):
        if sum(self.requests.values()) % 10 == 0:
            data = struct.pack(">IBII", 9 + length, PIECE, piece, begin) + bytes(length // 2)
            connection.send(data)
            raise Closed
        super().answer(connection, session, piece, begin, length)


class Unsolicited(Seed):
    """Sends blocks before anybody asks."""

    def greet(self, connection):
        super().greet(connection)
        for piece in range(self.torrent.piece_count):
            self.send_block(connection, piece, 0, bytes(16384))


class WrongOffset(Seed):
    """Answers with a block of another offset than asked."""

    def answer(self, connection, session, piece, begin, length):
        self.send_block(connection, piece, begin + 1, self.data(piece, begin, length))


class WrongLength(Seed):
    """Answers with more bytes than asked."""

    def answer(self, connection, session, piece, begin, length):
        self.send_block(connection, piece, begin, self.data(piece, begin, length) + b"more")


class HugeBlock(Seed):
    """Answers with a frame that never ends."""

    def answer(self, connection, session, piece, begin, length):
        connection.send(struct.pack(">IBII", 0x7FFF_FFFF, PIECE, piece, begin))
        connection.send(bytes(4 * MIB))


class HavesOutOfRange(Seed):
    def greet(self, connection):
        super().greet(connection)
        for piece in (self.torrent.piece_count, 1 << 20, 0xFFFF_FFFF):
            connection.send(frame(HAVE, struct.pack(">I", piece)))


class HugeBitfield(Seed):
    def greet(self, connection):
        connection.send(handshake(self.torrent.swarm))
        connection.send(frame(BITFIELD, b"\xff" * (1 << 20)))


class Claims(Seed):
    """Says that it has everything but rejects each request."""

    def answer(self, connection, session, piece, begin, length):
        connection.send(frame(16, struct.pack(">III", piece, begin, length)))


class WrongSwarm(Seed):
    def greet(self, connection):
        connection.send(handshake(b"\x33" * 20))
        connection.send(frame(HAVE_ALL))


class NeverGreets(Seed):
    def greet(self, connection):
        threading.Event().wait(30)


# Hostile kind, and whether it is banned for proven wrong bytes.
KINDS = {
    WrongBytes: True,
    SometimesWrong: True,
    Zeros: True,
    OtherBlock: True,
    Stalls: False,
    StallsLater: False,
    Chokes: False,
    HangsUp: False,
    Unsolicited: False,
    WrongOffset: False,
    WrongLength: False,
    HugeBlock: False,
    HavesOutOfRange: False,
    HugeBitfield: False,
    Claims: False,
    WrongSwarm: False,
    NeverGreets: False,
}


def is_banned(process, seed):
    lines = (line for line in process.output.splitlines() if "ban" in line.lower())
    return any(str(seed.endpoint[1]) in line for line in lines)


@pytest.mark.limit(90)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_pull_completes_beside(shoal, published, kind):
    source, path, torrent = published()
    with Seed(torrent, source, bytes_per_second=HONEST_BYTES_PER_SECOND) as honest:
        with kind(torrent, source) as hostile:
            pull = shoal.start_pull(path, peers=[hostile.endpoint, honest.endpoint])
            report = shoal.finish(pull, 60)
            assert hostile.sessions or kind is NeverGreets, "the hostile seed was never asked"
            assert not hostile.errors and not honest.errors
            assert is_banned(pull, hostile) == KINDS[kind], pull.describe()
            assert not is_banned(pull, honest), pull.describe()
    assert_same(source, report["path"])


@pytest.mark.limit(120)
def test_a_pull_completes_beside_five_liars(shoal, published):
    source, path, torrent = published()
    liars = [kind(torrent, source) for kind in (WrongBytes, SometimesWrong, Zeros, OtherBlock)]
    try:
        with Seed(torrent, source, bytes_per_second=HONEST_BYTES_PER_SECOND) as honest:
            peers = [liar.endpoint for liar in liars] + [honest.endpoint]
            pull = shoal.start_pull(path, peers=peers)
            report = shoal.finish(pull, 90)
            assert not is_banned(pull, honest), pull.describe()
    finally:
        for liar in liars:
            liar.close()
    assert_same(source, report["path"])


# Metadata and hashes


class WrongMetadata(Seed):
    """Offers `info`, and sends other bytes of the same length."""

    announced_size = None

    def greet(self, connection):
        size = self.announced_size or len(self.torrent.info_bytes)
        hello = bencode.encode({"m": {"ut_metadata": 3}, "metadata_size": size})
        connection.send(handshake(self.torrent.swarm) + frame(EXTENDED, b"\0" + hello))
        connection.send(frame(HAVE_ALL))
        while True:
            kind, payload = connection.receive()
            if kind != EXTENDED:
                continue
            if payload[0] == 0:
                number = bencode.decode(payload[1:])[b"m"].get(b"ut_metadata", 0)
            elif payload[0] == 3:
                piece = bencode.decode_at(payload, 1)[0][b"piece"]
                head = {"msg_type": 1, "piece": piece, "total_size": size}
                junk = b"d" * min(16384, len(self.torrent.info_bytes))
                connection.send(frame(EXTENDED, bytes([number]) + bencode.encode(head) + junk))


class HugeMetadata(WrongMetadata):
    announced_size = 1 << 40


@pytest.mark.limit(90)
@pytest.mark.parametrize("kind", [WrongMetadata, HugeMetadata], ids=lambda kind: kind.__name__)
def test_a_magnet_link_works_beside(shoal, tmp_path, kind):
    source = model(tmp_path / "model", 4 * MIB)
    path = tmp_path / "model.torrent"
    seed = shoal.seed(source, "--output", path)
    torrent = Torrent.load(path)
    with kind(torrent, source) as hostile:
        pull = shoal.start_pull(torrent.magnet, peers=[hostile.endpoint, seed.endpoint])
        assert_same(source, shoal.finish(pull, 60)["path"])
        assert not hostile.errors


class WrongHashes(Seed):
    """Answers every hash request with hashes that prove nothing."""

    def serve(self, connection):
        send = connection.send

        def replaced(data):
            if data[4] == HASH_REJECT:
                count = struct.unpack(">I", data[45:49])[0]
                data = frame(HASHES, data[5:] + b"\x11" * 32 * min(count + 8, 600))
            send(data)

        connection.send = replaced
        super().serve(connection)


@pytest.mark.limit(90)
def test_missing_piece_layers_are_found_beside_false_ones(shoal, tmp_path):
    source = model(tmp_path / "model", 4 * MIB)
    path = tmp_path / "model.torrent"
    seed = shoal.seed(source, "--output", path, "--piece-length", "16384")
    top = bencode.decode(path.read_bytes())
    top[b"piece layers"] = {}
    bare = tmp_path / "bare.torrent"
    bare.write_bytes(bencode.encode(top))
    with WrongHashes(Torrent.load(path), source) as hostile:
        pull = shoal.start_pull(bare, peers=[hostile.endpoint, seed.endpoint])
        assert_same(source, shoal.finish(pull, 60)["path"])
