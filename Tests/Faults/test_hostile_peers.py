"""Peers that break the rules of the wire, one each, against a seed. Whatever they do, the seed does
not crash, its memory stays bounded, and somebody else is served meanwhile."""

import contextlib
import os
import resource
import socket
import struct
import time

import pytest

import bencode
from models import MIB, model
from processes import eventually
from wire import (
    BITFIELD,
    EXTENDED,
    HASH_REQUEST,
    HASHES,
    HAVE,
    HAVE_ALL,
    HAVE_NONE,
    INTERESTED,
    PIECE,
    REJECT,
    REQUEST,
    Closed,
    Connection,
    Torrent,
    frame,
    handshake,
    request,
)

# A seed of a small model has no reason to use more, whoever talks to it.
MEMORY_MAX = 256 * MIB
PIECE_LENGTH = 256 * 1024
# Absolute, from the first byte: a greeting takes no longer (and a little for a busy machine).
GREETING_SECONDS = 20


@pytest.fixture
def seeded(shoal, tmp_path):
    source = model(tmp_path / "model", 8 * MIB)
    path = tmp_path / "model.torrent"
    seed = shoal.seed(source, "--output", path, "--piece-length", str(PIECE_LENGTH))
    yield seed, Torrent.load(path)
    assert seed.status is None, f"the seed died\n{seed.describe()}"
    assert seed.memory_peak() <= MEMORY_MAX


def assert_serves(seed, torrent, seconds=30):
    """A polite peer gets a block, if need be at the second attempt."""

    def is_served():
        with contextlib.suppress(Closed, OSError):
            with Connection(seed.endpoint, seconds=5) as connection:
                connection.join(torrent)
                connection.send(request(0, 0, 16384) + request(1, 0, 16384))
                return connection.receive_until(PIECE)

    eventually(is_served, seconds, "a polite peer is served")


def u32(*numbers):
    return struct.pack(f">{len(numbers)}I", *numbers)


# What ends a connection at once. Each is sent after a proper greeting.
VIOLATIONS = {
    "a frame of four gigabytes": b"\xff\xff\xff\xff\x07",
    "a frame of two megabytes": struct.pack(">IB", 2 * MIB, PIECE),
    "a choke with a payload": frame(0, b"x"),
    "a short have": frame(HAVE, b"\0\0"),
    "a have out of range": frame(HAVE, u32(1_000_000)),
    "a have of the highest piece there can be": frame(HAVE, u32(0xFFFF_FFFF)),
    "a short request": frame(REQUEST, b"\0" * 5),
    "a long request": frame(REQUEST, b"\0" * 13),
    "an empty bitfield": frame(BITFIELD),
    "a bitfield that is too long": frame(BITFIELD, bytes(5000)),
    "a bitfield with spare bits": "spare",
    "a second bitfield": frame(HAVE_NONE) + frame(HAVE_ALL),
    "a block that nobody asked for": frame(PIECE, u32(0, 0) + bytes(16384)),
    "a block without a header": frame(PIECE, b"\0\0"),
    "a short hash request": frame(HASH_REQUEST, bytes(20)),
    "an extended message without an id": frame(EXTENDED),
    "an extended handshake that is no dictionary": frame(EXTENDED, b"\0i5e"),
    "an extended handshake with a huge number": frame(EXTENDED, b"\0d4:reqqi" + b"9" * 400 + b"ee"),
    "an extended handshake of deep lists": frame(EXTENDED, b"\0d1:v" + b"l" * 100_000),
    "a string longer than its message": frame(EXTENDED, b"\0d1:v99999999999:ae"),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_ends_the_connection(seeded, name):
    seed, torrent = seeded
    bad = VIOLATIONS[name]
    if bad == "spare":
        count = torrent.piece_count
        assert count % 8 != 0
        bad = frame(BITFIELD, bytes((count + 7) // 8 - 1) + b"\x01")
    with Connection(seed.endpoint) as connection:
        connection.shake(torrent.swarm)
        connection.send(frame(HAVE_NONE) if name != "a bitfield with spare bits" else b"")
        with contextlib.suppress(Closed):
            connection.send(bad)
        assert connection.is_closed_within(5)
    assert_serves(seed, torrent)


REQUESTS = {
    "past the last piece": (1_000_000, 0, 16384),
    "of the highest piece there can be": (0xFFFF_FFFF, 0, 16384),
    "past the end of the piece": (1, PIECE_LENGTH, 16384),
    "across the end of the piece": (1, PIECE_LENGTH - 100, 16384),
    "whose end overflows": (1, 0xFFFF_F000, 0xFFFF_F000),
    "of nothing": (1, 0, 0),
    "of a megabyte": (1, 0, MIB),
    "of all there is": (1, 0, 0xFFFF_FFFF),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_outside_of_the_model_is_not_served(seeded, name):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)
        connection.send(request(*REQUESTS[name]) + request(1, 0, 16384))
        with contextlib.suppress(Closed):
            while True:
                kind, payload = connection.receive_until(PIECE, REJECT)
                if kind == PIECE:
                    # The good one behind it: the bad one was rejected or skipped.
                    assert payload[:8] == u32(1, 0) and len(payload) == 8 + 16384
                    break
                assert payload == u32(*REQUESTS[name])
    assert_serves(seed, torrent)


@pytest.mark.parametrize("cut", [1, 4, 5, 9, 12, 16])
def test_a_frame_cut_short_by_the_end(seeded, cut):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)
        connection.send(request(0, 0, 16384)[:cut])
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.is_closed_within(5)
    assert_serves(seed, torrent)


@pytest.mark.parametrize("cut", [0, 1, 19, 20, 47, 48, 67])
def test_a_greeting_cut_short_by_the_end(seeded, cut):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.send(handshake(torrent.swarm)[:cut])
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.is_closed_within(5)
    assert_serves(seed, torrent)


@pytest.mark.parametrize("first", [b"\x12", b"\x14", b"\0", b"G", b"\xff"])
def test_what_is_not_bittorrent_is_closed_at_its_first_byte(seeded, first):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.send(first)
        assert connection.is_closed_within(3)
    assert_serves(seed, torrent)


def test_another_protocol_name_is_closed(seeded):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.send(handshake(torrent.swarm).replace(b"BitTorrent", b"BitTurrent"))
        assert connection.is_closed_within(3)


def test_an_unknown_swarm_is_closed(seeded):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.send(handshake(b"\x55" * 20))
        assert connection.is_closed_within(GREETING_SECONDS)
    assert_serves(seed, torrent)


def test_a_greeting_of_one_byte_a_second_is_given_up(seeded):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        deadline = time.monotonic() + GREETING_SECONDS
        closed = False
        for byte in handshake(torrent.swarm):
            with contextlib.suppress(Closed):
                connection.send(bytes([byte]))
            # Waits one second, unless the seed hangs up.
            closed = connection.is_closed_within(1)
            if closed or time.monotonic() > deadline:
                break
        assert closed, f"still open after {GREETING_SECONDS} s"
    assert_serves(seed, torrent)


def test_a_silent_connection_is_given_up(seeded):
    seed, _ = seeded
    with Connection(seed.endpoint) as connection:
        assert connection.is_closed_within(GREETING_SECONDS)


def test_a_flood_of_requests_is_bounded(seeded):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)
        flood = b"".join(request(piece, 0, 16384) for piece in range(8)) * 500
        connection.socket.settimeout(2)
        with contextlib.suppress(Closed, OSError):
            for _ in range(50):
                connection.socket.sendall(flood)
        assert_serves(seed, torrent)
        assert seed.memory_peak() <= MEMORY_MAX


def test_a_flood_of_hash_requests_is_bounded(seeded):
    seed, torrent = seeded
    _, length, root = max(torrent.files, key=lambda file: file[1])
    assert length > PIECE_LENGTH
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)
        flood = frame(HASH_REQUEST, root + u32(0, 0, 512, 0)) * 1000
        connection.socket.settimeout(2)
        with contextlib.suppress(Closed, OSError):
            for _ in range(20):
                connection.socket.sendall(flood)
        assert_serves(seed, torrent)
        assert seed.memory_peak() <= MEMORY_MAX


def test_a_flood_of_metadata_requests_is_bounded(seeded):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.shake(torrent.swarm)
        hello = bencode.encode({"m": {"ut_metadata": 5}})
        connection.send(frame(EXTENDED, b"\0" + hello) + frame(HAVE_NONE))
        _, payload = connection.receive_until(EXTENDED)
        number = bencode.decode(payload[1:])[b"m"].get(b"ut_metadata", 1)
        asks = (bencode.encode({"msg_type": 0, "piece": piece}) for piece in (0, 1, 10**9, -1))
        flood = b"".join(frame(EXTENDED, bytes([number]) + ask) for ask in asks) * 1000
        connection.socket.settimeout(2)
        with contextlib.suppress(Closed, OSError):
            for _ in range(20):
                connection.socket.sendall(flood)
        assert_serves(seed, torrent)
        assert seed.memory_peak() <= MEMORY_MAX


def test_a_peer_that_never_reads_holds_up_nobody(seeded):
    seed, torrent = seeded
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(Connection(seed.endpoint))
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.join(torrent)
            for piece in range(32):
                for begin in range(0, PIECE_LENGTH, 16384):
                    connection.send(request(piece, begin, 16384))
        assert_serves(seed, torrent)
        assert seed.memory_peak() <= MEMORY_MAX


def test_interest_that_comes_and_goes_a_thousand_times(seeded):
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.shake(torrent.swarm)
        connection.send(frame(HAVE_NONE))
        with contextlib.suppress(Closed, OSError):
            connection.send((frame(INTERESTED) + frame(3)) * 100_000)
    assert_serves(seed, torrent)


@pytest.mark.limit(120)
def test_thousands_of_silent_connections_are_shed(seeded):
    seed, torrent = seeded
    wanted = 2000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted + 200:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + 200, hard))
    connections = []
    # A seed that refuses quickly is dialled by all; one that does not answer, for as long as this.
    enough = time.monotonic() + 15
    try:
        while len(connections) < wanted and time.monotonic() < enough:
            with contextlib.suppress(OSError):
                connections.append(socket.create_connection(seed.endpoint, timeout=0.5))
        assert len(connections) > 100
        open_files = len(os.listdir(f"/proc/{seed.pid}/fd"))
        assert open_files < 1500, f"{open_files} open files for {len(connections)} strangers"
        assert_serves(seed, torrent, seconds=2 * GREETING_SECONDS)
        assert seed.memory_peak() <= MEMORY_MAX
    finally:
        for connection in connections:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_connections_that_come_and_go_by_the_thousand(seeded):
    seed, torrent = seeded
    enough = time.monotonic() + 15
    for number in range(3000):
        if time.monotonic() > enough:
            break
        with (
            contextlib.suppress(OSError),
            socket.create_connection(seed.endpoint, timeout=0.5) as connection,
        ):
            if number % 3 == 0:
                connection.sendall(handshake(torrent.swarm)[: number % 68])
            elif number % 3 == 1:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert_serves(seed, torrent)
    eventually(
        lambda: len(os.listdir(f"/proc/{seed.pid}/fd")) < 200,
        2 * GREETING_SECONDS,
        "the seed has let go of the connections",
    )


def test_hashes_that_nobody_asked_for_do_no_harm(seeded):
    # They may be late, so they are no reason to close.
    seed, torrent = seeded
    with Connection(seed.endpoint) as connection:
        connection.join(torrent)
        with contextlib.suppress(Closed):
            for _ in range(100):
                connection.send(frame(HASHES, os.urandom(48) + os.urandom(512 * 32)))
    assert_serves(seed, torrent)


def test_random_bytes_after_a_greeting(seeded):
    seed, torrent = seeded
    for number in range(100):
        with contextlib.suppress(Closed, OSError, TimeoutError):
            with Connection(seed.endpoint, seconds=2) as connection:
                connection.shake(torrent.swarm)
                connection.send(frame(number, os.urandom(number)) + os.urandom(2000))
    assert_serves(seed, torrent)
