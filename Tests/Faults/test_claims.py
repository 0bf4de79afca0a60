"""What hosts claim of themselves: ids that are somebody else's, places that there cannot be."""

import contextlib
import os
import socket
import urllib.parse
import urllib.request

import pytest

import bencode
from models import MIB, assert_same, model
from processes import endpoint_text
from shoal import endpoint, received
from wire import HAVE_ALL, Closed, Connection, Torrent, handshake


def peer_id(at, torrent):
    """The id with which a peer greets."""
    with Connection(at) as connection:
        connection.send(handshake(torrent.swarm))
        return connection.read(68)[48:]


def announce(tracker, torrent, peer, port):
    query = urllib.parse.urlencode({
        "info_hash": torrent.swarm, "peer_id": peer, "port": port, "uploaded": 0,
        "downloaded": 0, "left": 0, "compact": 1, "event": "started",
    })  # fmt: skip
    with urllib.request.urlopen(f"{tracker.announce_url}?{query}", timeout=10) as answer:
        return bencode.decode(answer.read())


def test_two_hosts_that_claim_one_id_hold_nobody_up(shoal, tmp_path):
    source = model(tmp_path / "model", 16 * MIB)
    tracker = shoal.tracker()
    path = tmp_path / "model.torrent"
    seed = shoal.seed(
        source, "--output", path, "--tracker", tracker.url, "--locality", "a/r/1",
        "--piece-length", "262144",
    )
    torrent = Torrent.load(path)
    claimed = peer_id(seed.endpoint, torrent)
    with socket.create_server(("127.0.0.1", 0)) as impostor:
        # The tracker knows whose it is.
        answer = announce(tracker, torrent, claimed, impostor.getsockname()[1])
        assert b"failure reason" in answer, answer
        at = endpoint()
        peer = shoal.start_pull(
            path, "--tracker", tracker.url, "--locality", "b/r/1", at=at,
            peers=[impostor.getsockname()],
        )  # fmt: skip
        # And who claims it beside the seed is at worst a connection more.
        with contextlib.suppress(Closed, OSError), Connection(at, seconds=2) as connection:
            connection.send(handshake(torrent.swarm, peer=claimed))
            connection.read(68)
        report = shoal.finish(peer)
    assert_same(source, report["path"])
    assert received(report) == report["bytes"]
    assert report["duplicateBytes"] == 0


def test_the_second_connection_of_an_id_is_closed_and_the_first_served(shoal, tmp_path):
    source = model(tmp_path / "model", MIB)
    path = tmp_path / "model.torrent"
    seed = shoal.seed(source, "--output", path)
    torrent = Torrent.load(path)
    claimed = b"-XX0000-" + os.urandom(6).hex().encode()
    with Connection(seed.endpoint) as first, Connection(seed.endpoint) as second:
        assert first.shake(torrent.swarm, peer=claimed) == torrent.swarm
        # A greeting is answered before the swarm hears of it: only what it has to say comes from it.
        first.receive_until(HAVE_ALL)
        second.send(handshake(torrent.swarm, peer=claimed))
        assert second.is_closed_within(10)
        assert not first.is_closed_within(0.5)


@pytest.mark.parametrize(
    "place",
    ["a//b", "/a", "a/", "a/b/c/d/e/f/g", "a b/c", "a/\x01b", "a/" + "x" * 65],
    ids=["empty label", "empty cloud", "empty rack", "too deep", "a space", "control character",
         "too long"],
)  # fmt: skip
@pytest.mark.parametrize("command", ["peer", "publish"])
def test_a_place_that_there_cannot_be_is_refused(shoal, tmp_path, command, place):
    arguments = ["peer", "--data", tmp_path / "data", "--listen", endpoint_text(endpoint())]
    if command == "publish":
        source = model(tmp_path / "model", 1000)
        arguments = ["publish", source, "--name", "org/m", "--version", "1", "--seed"]
    process = shoal.run(*arguments, "--locality", place)
    assert process.status == 64, process.describe()
    assert "--locality" in process.stderr and "cloud/region/rack" in process.stderr
