"""What shoal answers on the wire, message by message: the pitfalls that other clients met."""

import hashlib
import struct

import bencode
import pytest

import merkle
from models import write_random, write_sparse
from wire import (
    ALLOWED_FAST,
    BITFIELD,
    EXTENDED,
    HASH_REJECT,
    HASH_REQUEST,
    HASHES,
    HAVE_ALL,
    HAVE_NONE,
    PIECE,
    REJECT,
    UNCHOKE,
    Closed,
    Connection,
    Torrent,
    frame,
    handshake,
    request,
)

KIB = 1 << 10
PIECE_LENGTH = 64 * KIB


@pytest.fixture
def seeded(shoal, tmp_path):
    """A shoal seed of one 513-piece file and one of 29 blocks, and its torrent."""
    source = tmp_path / "model"
    write_sparse(source / "long.bin", 513 * PIECE_LENGTH, seed=1)
    write_random(source / "short.bin", 28 * 16 * KIB + 1, seed=2)
    path = tmp_path / "model.torrent"
    seed = shoal.seed(source, "--output", path, "--piece-length", str(PIECE_LENGTH))
    torrent = Torrent.load(path)
    torrent.source = source
    return seed, torrent


def hash_request(root, base, index, length, proof_layers):
    return root + struct.pack(">IIII", base, index, length, proof_layers)


def root_of(torrent, name):
    return next(root for path, _, root in torrent.files if path == name)


def ask_hashes(connection, payload):
    connection.send(frame(HASH_REQUEST, payload))
    kind, answer = connection.receive_until(HASHES, HASH_REJECT)
    assert answer[:48] == payload
    if kind == HASH_REJECT:
        return None
    rest = answer[48:]
    return [rest[at : at + 32] for at in range(0, len(rest), 32)]


def test_the_greeting(seeded):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        assert connection.shake(torrent.swarm) == torrent.swarm
        connection.send(frame(HAVE_NONE))
        seen = []
        while not {BITFIELD, HAVE_ALL} & set(seen) or EXTENDED not in seen:
            kind, payload = connection.receive()
            seen.append(kind)
            if kind == EXTENDED and payload[0] == 0:
                hello = bencode.decode(payload[1:])
        availability = [kind for kind in seen if kind in (BITFIELD, HAVE_ALL, HAVE_NONE)]
        assert availability == [HAVE_ALL] or availability == [BITFIELD]
        # Nothing but extended messages may come before it (BEP 6, as libtorrent reads it).
        assert set(seen[: seen.index(availability[0])]) <= {EXTENDED}
        assert hello[b"metadata_size"] == len(torrent.info_bytes)
        assert hello[b"reqq"] >= 1


def test_metadata_is_served_in_parts(seeded):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.shake(torrent.swarm)
        hello = {"m": {"ut_metadata": 5}}
        connection.send(frame(EXTENDED, b"\0" + bencode.encode(hello)) + frame(HAVE_NONE))
        _, payload = connection.receive_until(EXTENDED)
        number = bencode.decode(payload[1:])[b"m"][b"ut_metadata"]
        ask = bencode.encode({"msg_type": 0, "piece": 0})
        connection.send(frame(EXTENDED, bytes([number]) + ask))
        while True:
            _, payload = connection.receive_until(EXTENDED)
            if payload[0] == 5:
                break
        head, end = bencode.decode_at(payload, 1)
        assert (head[b"msg_type"], head[b"total_size"]) == (1, len(torrent.info_bytes))
        assert hashlib.sha256(payload[end:]).digest() == torrent.info_hash


def test_a_block_is_served(seeded):
    seed, torrent = seeded
    piece = torrent.first_piece("short.bin")
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)
        for begin, length in [(0, 16384), (16384, 16384), (100, 8192), (3, 1)]:
            connection.send(request(piece, begin, length))
            _, payload = connection.receive_until(PIECE)
            data = (torrent.source / "short.bin").read_bytes()[begin : begin + length]
            assert payload == struct.pack(">II", piece, begin) + data


def test_the_space_after_a_file_is_served_as_zeros(seeded):
    # libtorrent up to 2.0.12 asks for it.
    seed, torrent = seeded
    last = torrent.first_piece("short.bin") + torrent.pieces_of(28 * 16 * KIB + 1) - 1
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)
        connection.send(request(last, 0, 16384))
        _, payload = connection.receive_until(PIECE)
        data = (torrent.source / "short.bin").read_bytes()[-1:]
        assert payload[8:] == data + bytes(16383)


def test_nothing_is_sent_to_a_choked_peer(seeded):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.shake(torrent.swarm)
        # Without a word of interest.
        connection.send(frame(HAVE_NONE) + request(0, 0, 16384))
        kind, payload = connection.receive_until(PIECE, REJECT, UNCHOKE)
        assert kind != PIECE
        if kind == REJECT:
            assert payload == struct.pack(">III", 0, 0, 16384)


def test_a_large_request_from_a_stranger_does_no_harm(seeded):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)
        # It did not say that it knows of large blocks. Rejected, refused or served: all are allowed.
        connection.send(request(0, 0, 2 * 16384))
        try:
            kind, payload = connection.receive_until(PIECE, REJECT)
            if kind == PIECE:
                path, _, _ = torrent.locate(0)
                data = (torrent.source / path).read_bytes()[: 2 * 16384]
                assert payload == bytes(8) + data
        except Closed:
            pass


@pytest.mark.parametrize("name", ["long.bin", "short.bin"])
def test_hashes_prove_themselves(seeded, name):
    seed, torrent = seeded
    data = (torrent.source / name).read_bytes()
    tree = merkle.layers(data, PIECE_LENGTH)
    root = root_of(torrent, name)
    assert tree[-1] == [root]
    height = len(tree) - 1
    layer = (PIECE_LENGTH // 16384).bit_length() - 1
    asked = [
        # The piece layer with a proof up to the root, without one, and single buckets of it.
        (layer, 0, min(512, 2 ** (height - layer)), height - layer - 1),
        (layer, 0, 2, 0),
        (layer, 4, 4, height - layer - 1),
        # Leaves: of one piece, up to the piece and up to the root.
        (0, 4, 4, layer - 1),
        (0, 4, 4, height - 1),
        (0, 0, 2, height - 1),
    ]
    with Connection(seed.endpoint) as connection:
        # Choked or not (BEP 52).
        connection.shake(torrent.swarm)
        connection.send(frame(HAVE_NONE))
        for base, index, length, proof_layers in asked:
            answer = ask_hashes(connection, hash_request(root, base, index, length, proof_layers))
            expected = merkle.reply(tree, base, index, length, proof_layers)
            assert answer == expected, (base, index, length, proof_layers)


def test_the_last_hash_of_513_is_served_with_its_sibling(seeded):
    # Alone in its bucket of 512: libtorrent asks for one hash and wants the sibling as well.
    seed, torrent = seeded
    tree = merkle.layers((torrent.source / "long.bin").read_bytes(), PIECE_LENGTH)
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)
        payload = hash_request(root_of(torrent, "long.bin"), 2, 512, 1, len(tree) - 4)
        answer = ask_hashes(connection, payload)
        if answer is not None:
            assert answer[:2] == tree[2][512:514]


@pytest.mark.parametrize(
    "base, index, length, proof_layers",
    [
        (2, 1, 2, 0),  # Not a multiple of the length.
        (2, 0, 3, 0),  # Not a power of two.
        (2, 1 << 20, 2, 0),  # Past the end.
        (2, 0, 0, 0),
        (40, 0, 2, 0),  # Above the root.
        (2, 0, 2, 60),
        (0, 0, 1 << 30, 0),
        (0xFFFF_FFFF, 0xFFFF_FFFE, 0xFFFF_FFFF, 0xFFFF_FFFF),
    ],
)
def test_hash_requests_that_make_no_sense(seeded, base, index, length, proof_layers):
    seed, torrent = seeded
    root = root_of(torrent, "long.bin")
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)
        try:
            answer = ask_hashes(connection, hash_request(root, base, index, length, proof_layers))
            assert answer is None or (length == 3 and len(answer) >= 3)
        except Closed:
            pass
    # Somebody else is still served.
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)


def test_hashes_of_an_unknown_file_are_rejected_by_name(seeded):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)
        assert ask_hashes(connection, hash_request(b"\x07" * 32, 0, 0, 2, 0)) is None


def test_what_we_do_not_know_is_ignored(seeded):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)
        unknown = {"m": {"zz_new": 77, "zz_odd": 0}, "zz": [1, {"a": "b"}], "reqq": 10**12}
        connection.send(frame(EXTENDED, b"\0" + bencode.encode(unknown)))
        connection.send(frame(99, b"what") + frame(EXTENDED, b"\x4dpayload"))
        connection.send(frame(ALLOWED_FAST, struct.pack(">I", 0)) + bytes(4))
        connection.send(request(0, 0, 16384))
        assert connection.receive_until(PIECE)[0] == PIECE


def test_an_encrypted_greeting_is_closed_at_once(seeded):
    # A client that tries encryption first then dials again in the clear.
    seed, _ = seeded
    with Connection(seed.endpoint) as connection:
        connection.send(bytes(range(100, 196)))
        assert connection.is_closed_within(2)


def test_a_stranger_who_wants_another_swarm_is_closed(seeded):
    seed, _ = seeded
    with Connection(seed.endpoint) as connection:
        connection.send(handshake(b"\x01" * 20))
        assert connection.is_closed_within(12)
