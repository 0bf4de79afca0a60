"""kill -9 at random moments of a download, again and again: nothing verified is lost but the last
second, and nothing wrong is ever to be read.

The seed is ours, so it knows what the peer says that it has at the start of each life, what it asks
for, and which pieces it was sent whole. SHOAL_KILLS sets how often."""

import os
import random
import shutil
import time

import pytest

from models import MIB, assert_same, digests, model
from shoal import received
from wire import Seed, Torrent

KILLS = int(os.environ.get("SHOAL_KILLS", 200))
MODEL_BYTES = 256 * MIB
# So that a download takes some ten seconds of life.
BYTES_PER_SECOND = 24 * MIB
# The journal is brought up to date at least this often, and once more for a busy machine.
JOURNAL_SECONDS = 1.0
SLACK_SECONDS = 1.5
FINISH_SECONDS = 120


def lifetime(chance):
    """Seconds. Mostly before the first commit, now and then after it."""
    return chance.uniform(0.05, 0.6) if chance.random() < 0.8 else chance.uniform(1.2, 2.2)


def assert_nothing_wrong_is_readable(directories, expected):
    """Whatever file of the model can be read under a view is right and whole."""
    for directory in directories:
        for path, digest in digests(directory).items():
            name = os.path.basename(path)
            matching = {wanted for file, wanted in expected.items() if file.endswith(name)}
            if matching and not any(part.startswith(".") for part in path.split(os.sep)):
                assert digest in matching, f"{path} in {directory} is wrong after a kill"


class Lives:
    """What the seed saw of one download, life by life."""

    def __init__(self):
        # (when it was killed, the sessions of that life)
        self.ended = []
        # Pieces that the peer was known to have journaled.
        self.journaled = set()
        self.lost = 0

    def end(self, killed_at, sessions):
        for session in sessions:
            missing = self.journaled - session["has"]
            assert not missing, f"{len(missing)} journaled pieces are gone after a kill"
            again = session["asked"] & session["has"]
            assert not again, f"asked for pieces that it said it has: {sorted(again)[:10]}"
            # What was verified and not yet journaled when it died may be gone; not more.
            for before_killed, before in self.ended[-1:]:
                old = {
                    piece
                    for piece, sent in before["whole"].items()
                    if sent < before_killed - JOURNAL_SECONDS - SLACK_SECONDS
                }
                assert old <= session["has"], "pieces verified long before the kill are gone"
                self.lost += len(set(before["whole"]) - session["has"])
            self.journaled |= session["has"]
        if sessions:
            self.ended = [(killed_at, sessions[-1])]


@pytest.mark.limit(KILLS * 3 + 300)
@pytest.mark.parametrize("how, share", [((), 1), (("--direct-io",), 8)], ids=["cached", "direct"])
def test_a_killed_download_goes_on_where_it_was(shoal, tmp_path, how, share):
    wanted = KILLS // share
    source = model(tmp_path / "model", MODEL_BYTES)
    path = shoal.publish(source, tmp_path / "model.torrent", "--piece-length", str(MIB))
    torrent = Torrent.load(path)
    expected = digests(source)
    chance = random.Random(20)
    kills = downloads = early = lost = 0
    with Seed(torrent, source, bytes_per_second=BYTES_PER_SECOND) as seed:
        while kills < wanted or downloads == 0:
            data, view = tmp_path / f"data{downloads}", tmp_path / f"view{downloads}"
            lives = Lives()
            while True:
                seen = len(seed.sessions)
                pull = shoal.start_pull(path, *how, data=data, to=view, peers=[seed.endpoint])
                if kills < wanted:
                    deadline = time.monotonic() + lifetime(chance)
                    while time.monotonic() < deadline and pull.status is None:
                        time.sleep(0.01)
                    if pull.status is None:
                        pull.kill()
                        kills += 1
                        sessions = told(seed.sessions[seen:])
                        early += not sessions
                        lives.end(time.monotonic(), sessions)
                        assert_nothing_wrong_is_readable([data / "models", view], expected)
                        continue
                report = shoal.finish(pull, FINISH_SECONDS)
                sessions = told(seed.sessions[seen:])
                lives.end(time.monotonic(), sessions)
                break
            assert_same(source, report["path"])
            total = report["bytes"]
            # Each byte is either from before or from the swarm; the journal and the report agree.
            assert received(report) + report["resumedBytes"] == total + report["duplicateBytes"]
            if sessions:
                held = sum(torrent.locate(piece)[2] for piece in sessions[0]["has"])
                assert report["resumedBytes"] == held
            downloads += 1
            lost += lives.lost
            forget(shoal, data, view)
        assert not seed.errors
    print(f"{kills} kills ({early} before the first connection), {downloads} downloads;")
    # Else the seed saw nothing, and the test showed nothing.
    assert lost > 0 or wanted < 20
    print(f"{lost} pieces were sent again, besides {downloads * torrent.piece_count} sent once")


def told(sessions):
    """Those in which the peer lived long enough to say what it has."""
    return [session for session in sessions if session["told"]]


def forget(shoal, *directories):
    """Frees the disk and the list of processes between downloads."""
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)
    shoal.processes = [each for each in shoal.processes if each.status is None]


@pytest.mark.limit(120)
def test_a_killed_tracker_comes_back_with_its_catalog(shoal, small_model, tmp_path):
    tracker = shoal.tracker()
    at = tracker.endpoint
    shoal.succeed(
        "publish", small_model, "--name", "org/model", "--version", "1",
        "--tracker", tracker.url, "--output", tmp_path / "t.torrent",
    )  # fmt: skip
    for _ in range(10):
        tracker.kill()
        tracker = shoal.tracker(at=at)
    seed = shoal.seed(small_model, "--tracker", tracker.url)
    report = shoal.pull("org/model@1", "--tracker", tracker.url, seconds=30)
    assert_same(small_model, report["path"])
    assert seed.status is None


@pytest.mark.limit(120)
def test_a_swarm_outlives_its_tracker(shoal, tmp_path):
    source = model(tmp_path / "model", 64 * MIB)
    tracker = shoal.tracker("--interval", "2")
    path = tmp_path / "model.torrent"
    shoal.seed(source, "--tracker", tracker.url, "--output", path)
    torrent = Torrent.load(path)
    with Seed(torrent, source, bytes_per_second=16 * MIB) as slow:
        pulls = [shoal.start_pull(path, peers=[slow.endpoint]) for _ in range(2)]
        tracker.kill()
        for pull in pulls:
            assert_same(source, shoal.finish(pull, 60)["path"])
