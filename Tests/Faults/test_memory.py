"""One seed, eight peers, a model far larger than what each may use of memory."""

import os
import shutil

import pytest

from models import MIB, assert_same, model
from processes import eventually
from shoal import last_object, received

MODEL_BYTES = int(os.environ.get("SHOAL_MEMORY_MODEL_MIB", 2048)) * MIB
PEERS = 8
MEMORY_MAX = 256 * MIB
SECONDS = 420


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
