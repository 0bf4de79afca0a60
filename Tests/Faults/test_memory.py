"""What peers take of memory: idle, at full speed, and eight at once with a model far larger than what
each may use."""

import os
import pathlib
import shutil
import tempfile
import time

import pytest

from models import MIB, assert_same, model
from processes import eventually
from shoal import last_object, received

pytestmark = pytest.mark.alone

MODEL_BYTES = int(os.environ.get("SHOAL_MEMORY_MODEL_MIB", 2048)) * MIB
PEERS = 8
MEMORY_MAX = 256 * MIB
SECONDS = 420
# The aim is 40 MiB, of which 36 are pages of programs and libraries; see Docs/Performance.md.
IDLE_MAX = 42 * MIB
# Anonymous memory of a peer that downloads as fast as it can: what it needs, not what the page cache
# lends it.
DOWNLOAD_MAX = 128 * MIB
FAST_BYTES = 1024 * MIB


def test_an_idle_daemon_is_small(shoal):
    peer = shoal.peer()
    began = time.monotonic()
    peaks = []

    def has_settled():
        peaks.append(peer.memory("VmRSS"))
        return time.monotonic() - began > 2

    eventually(has_settled, 10, "two idle seconds")
    print(f"idle: {max(peaks) / MIB:.1f} MiB resident, {peer.memory('RssAnon') / MIB:.1f} anonymous")
    assert max(peaks) <= IDLE_MAX, f"{max(peaks) // MIB} MiB"


@pytest.fixture
def fast_place(tmp_path):
    """A directory in memory where that has room, so that the disk does not slow the transfer down."""
    shared = pathlib.Path("/dev/shm")
    needed = 2 * FAST_BYTES + 256 * MIB
    if not shared.is_dir() or shutil.disk_usage(shared).free < needed:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="shoal-memory-", dir=shared) as directory:
        yield pathlib.Path(directory)


@pytest.mark.limit(180)
def test_a_peer_at_full_speed_stays_small(shoal, fast_place):
    source = model(fast_place / "large", FAST_BYTES)
    torrent = fast_place / "large.torrent"
    seed = shoal.seed(source, "--output", torrent)
    pull = shoal.start_pull(torrent, data=fast_place / "data", to=fast_place / "view",
                            peers=[seed.endpoint])  # fmt: skip
    peaks = {"seed": 0, "peer": 0}

    def has_ended():
        peaks["seed"] = max(peaks["seed"], seed.memory("RssAnon") or 0)
        peaks["peer"] = max(peaks["peer"], pull.memory("RssAnon") or 0)
        return pull.status is not None

    eventually(has_ended, 120, "the download ends")
    report = shoal.finish(pull)
    speed = report["bytes"] / report["seconds"] / 1e9
    sizes = {name: f"{peak / MIB:.0f} MiB" for name, peak in peaks.items()}
    print(f"{speed:.2f} GB/s; anonymous memory at most {sizes}")
    assert max(peaks.values()) <= DOWNLOAD_MAX, f"more than {DOWNLOAD_MAX // MIB} MiB: {sizes}"


@pytest.mark.limit(SECONDS + 120)
def test_eight_peers_of_a_large_model_stay_small(shoal, tmp_path):
    needed = MODEL_BYTES * (PEERS + 1) + 1024 * MIB
    free = shutil.disk_usage(tmp_path).free
    if free < needed:
        pytest.skip(f"{needed // MIB} MiB of disk are needed, {free // MIB} are free")
    source = model(tmp_path / "large", MODEL_BYTES)
    torrent = tmp_path / "large.torrent"
    tracker = shoal.tracker("--interval", "2")
    seed = shoal.seed(source, "--tracker", tracker.url, "--output", torrent)
    pulls = [
        shoal.start_pull(torrent, "--tracker", tracker.url, peers=[seed.endpoint])
        for _ in range(PEERS)
    ]
    peaks = {}

    def all_ended():
        for process in [seed, tracker, *pulls]:
            peaks[process.name] = process.memory_peak() or peaks.get(process.name, 0)
        return all(pull.status is not None for pull in pulls)

    eventually(all_ended, SECONDS, "all peers have the model")
    for pull in pulls:
        assert pull.status == 0, pull.describe()
        report = last_object(pull.stdout)
        assert received(report) == report["bytes"] + report["duplicateBytes"]
        assert_same(source, report["path"])
        print(f"{pull.name}: {report['seconds']:.1f} s, {peaks[pull.name] // MIB} MiB of memory")
    over = {name: peak // MIB for name, peak in peaks.items() if peak > MEMORY_MAX}
    assert not over, f"more than {MEMORY_MAX // MIB} MiB of memory: {over}"
