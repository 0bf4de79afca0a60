"""Every long-running command ends within two seconds of SIGTERM or SIGINT, whatever it is doing."""

import signal
import socket
import time

import pytest

from models import MIB, assert_same, model
from processes import eventually
from wire import Connection, Seed, Torrent

BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
SECONDS = 2.0
# What a pull ends with when it was interrupted.
INTERRUPTED = 6


def end(process, number):
    process.signal(number)
    return process.wait(SECONDS)


@BOTH
def test_a_tracker_with_open_connections(shoal, number):
    tracker = shoal.tracker()
    with socket.create_connection(tracker.endpoint) as idle:
        idle.sendall(b"GET /announce?info_ha")
        assert end(tracker, number) == 0


@BOTH
def test_a_tracker_that_is_told_to_stop_while_it_accepts(shoal, number):
    for attempt in range(40):
        tracker = shoal.tracker()
        with socket.create_connection(tracker.endpoint) as accepted:
            accepted.sendall(b"GET /announce?info_ha")
            time.sleep(attempt % 10 * 0.0003)
            assert end(tracker, number) == 0


@BOTH
def test_a_peer_daemon(shoal, number):
    tracker = shoal.tracker()
    peer = shoal.peer("--tracker", tracker.url, "--locality", "aws/us-east-1/rack1")
    with socket.create_connection(peer.endpoint):
        assert end(peer, number) == 0


@BOTH
def test_a_peer_daemon_whose_tracker_is_gone(shoal, number):
    tracker = shoal.tracker()
    peer = shoal.peer("--tracker", tracker.url)
    tracker.kill()
    assert end(peer, number) == 0


@BOTH
def test_a_seed_that_serves(shoal, small_model, tmp_path, number):
    path = tmp_path / "model.torrent"
    seed = shoal.seed(small_model, "--output", path)
    with Connection(seed.endpoint) as connection:
        connection.join(Torrent.load(path))
        assert end(seed, number) == 0


@BOTH
def test_a_pull_in_the_middle(shoal, published, number):
    source, path, torrent = published(64 * MIB)
    with Seed(torrent, source, bytes_per_second=8 * MIB) as seed:
        pull = shoal.start_pull(path, peers=[seed.endpoint])
        eventually(lambda: len(seed.requests) > 200, 20, "the download is under way")
        assert end(pull, number) == INTERRUPTED, pull.describe()


@BOTH
def test_a_pull_that_waits_for_a_seed(shoal, published, number):
    _, path, _ = published(MIB)
    pull = shoal.start_pull(path, peers=[("127.0.0.1", 1)])
    eventually(lambda: ignores_by_default(pull.pid) is False, 10, "it handles signals")
    assert end(pull, number) == INTERRUPTED, pull.describe()


def ignores_by_default(pid):
    """Whether the process does not yet handle SIGTERM itself."""
    with open(f"/proc/{pid}/status") as status:
        caught = next(line for line in status if line.startswith("SigCgt"))
        blocked_text = caught.split()[1]
    return int(blocked_text, 16) >> (signal.SIGTERM - 1) & 1 == 0


def test_an_interrupted_pull_goes_on_without_loss(shoal, published, tmp_path):
    source, path, torrent = published(64 * MIB)
    data = tmp_path / "data"
    with Seed(torrent, source, bytes_per_second=16 * MIB) as seed:
        first = shoal.start_pull(path, peers=[seed.endpoint], data=data)
        eventually(lambda: len(seed.requests) > 1500, 20, "the download is under way")
        # All that arrived a moment ago, since the last of it may be in the network yet.
        moment = time.monotonic() - 0.5
        whole = {piece for piece, sent in seed.sessions[-1]["whole"].items() if sent < moment}
        assert end(first, signal.SIGTERM) == INTERRUPTED
        report = shoal.pull(path, peers=[seed.endpoint], data=data)
        # Unlike after a kill, all that was verified is journaled on the way out.
        assert whole and whole <= seed.sessions[-1]["has"]
    assert report["resumedBytes"] >= sum(torrent.locate(piece)[2] for piece in whole)
    assert_same(source, report["path"])


def test_a_large_publication_being_hashed(shoal, tmp_path):
    source = model(tmp_path / "model", 512 * MIB)
    publish = shoal.start(
        "publish", source, "--name", "org/model", "--version", "1",
        "--output", tmp_path / "t.torrent", "--threads", "1",
    )  # fmt: skip
    eventually(lambda: ignores_by_default(publish.pid) is False, 10, "it handles signals")
    if publish.status is None:
        end(publish, signal.SIGTERM)
    assert publish.status in (0, INTERRUPTED)
    assert (tmp_path / "t.torrent").exists() == (publish.status == 0)
