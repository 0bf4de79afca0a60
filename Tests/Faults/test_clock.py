"""A wall clock that is set wrong, or right again, in the middle of something."""

import os
import pathlib
import shutil
import signal
import struct
import subprocess

import pytest

from models import MIB, assert_same, model
from obedient_hosts import Host, announce_holders, call
from processes import eventually
from shoal import endpoint, last_object
from wire import Seed

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "lib/jumping_clock.c"
DAY = 86_400
PATIENCE_SECONDS = 60


class Clock:
    """The wall clock of the processes that are started with its `environment`."""

    def __init__(self, directory):
        compiler = shutil.which("clang") or shutil.which("cc")
        if not compiler:
            pytest.skip("no C compiler: clang comes with Swift")
        library, self.path = directory / "jumping_clock.so", directory / "wrong-by"
        self.path.write_bytes(struct.pack("q", 0))
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True
        )
        self.environment = {
            **os.environ, "LD_PRELOAD": str(library), "JUMPING_CLOCK": str(self.path)
        }  # fmt: skip

    def jump(self, days):
        """To so many days off the right time. In place: processes have the file mapped."""
        with self.path.open("r+b") as file:
            file.write(struct.pack("q", days * DAY))


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


def backup(tracker):
    status, answer = call(f"{tracker.url}/api/v1/backup", "POST")
    assert status == 201, answer
    return pathlib.Path(answer["path"]).name


@pytest.mark.limit(180)
def test_a_rollout_goes_on_whatever_the_trackers_clock_says(shoal, tmp_path, clock):
    at = endpoint()
    tracker = shoal.tracker(at=at, env=clock.environment)
    hashes = {}
    for version in ("v1", "v2"):
        published = shoal.succeed(
            "publish", model(tmp_path / version, 200_000), "--name", "acme/llama",
            "--version", version, "--tracker", tracker.url, "--json",
        )
        hashes[version] = last_object(published.stdout)["infoHash"]
    hosts = [
        Host(f"h{number}", tracker, serves={"v1": hashes["v1"]}).start() for number in range(3)
    ]

    def get(path):
        status, answer = call(f"{tracker.url}/api/v1/{path}")
        assert status == 200, answer
        return answer

    def create(version, *waves):
        arguments = [word for wave in waves for word in ("--wave", wave)]
        shoal.succeed(
            "rollout", "create", "prod", version, *arguments, "--tracker", tracker.url
        )

    def until(rollout, condition, what):
        eventually(
            lambda: condition(get(f"rollouts/{rollout}")), PATIENCE_SECONDS, what
        )

    def is_complete(view):
        assert "pause" not in view["rollout"], view
        return view["rollout"]["phase"] == "complete"

    try:
        eventually(lambda: len(get("hosts")["hosts"]) == 3, PATIENCE_SECONDS, "3 hosts")
        shoal.succeed(
            "channel", "set", "prod", "--model", "acme/llama", "--tracker", tracker.url
        )
        copies = [backup(tracker)]
        announce_holders(tracker, hashes["v1"])
        create("v1", "all")
        until(1, is_complete, "version 1 is complete")

        # Ahead while a wave soaks, and far back before the next.
        announce_holders(tracker, hashes["v2"])
        create("v2", "1/soak=2", "2/approval", "all")
        until(2, lambda view: view["rollout"]["phase"] == "baking", "the first wave soaks")
        clock.jump(400)
        copies.append(backup(tracker))
        until(2, lambda view: "approval" in (view.get("waitsFor") or ""), "approval is waited for")
        clock.jump(-4000)
        copies.append(backup(tracker))
        # A tracker that starts in the past is still above all that it said before.
        tracker.signal(signal.SIGKILL)
        tracker.wait(10)
        tracker = shoal.tracker(at=at, env=clock.environment)
        announce_holders(tracker, hashes["v2"])
        shoal.succeed("rollout", "approve", "2", "--wave", "2", "--tracker", tracker.url)
        until(2, is_complete, "version 2 is complete")
        copies.append(backup(tracker))
        assert [host.active for host in hosts] == ["v2"] * 3
        for host in hosts:
            fences = [fence for fence, _ in host.fences]
            assert fences == sorted(fences) and len(fences) == len(set(fences)) > 0
        assert get("audit/check")["ok"]
        years = {entry["time"][:4] for entry in get("audit?limit=1000")["entries"]}
        assert len(years) > 1, "the clock did not jump"
        # The newest copy is the last by name, whatever the date in it.
        assert copies == sorted(copies) == sorted(
            path.name for path in (shoal.directory / f"tracker-{at[1]}/backups").iterdir()
        )
    finally:
        for host in hosts:
            host.stop()
        for host in hosts:
            host.crash()


@pytest.mark.parametrize("days", [400, -4000])
def test_a_pull_goes_on_when_the_clock_jumps(shoal, published, clock, days):
    source, path, torrent = published(32 * MIB)
    with Seed(torrent, source, bytes_per_second=8 * MIB) as seed:
        pull = shoal.start_pull(path, peers=[seed.endpoint], env=clock.environment)
        eventually(lambda: len(seed.requests) > 200, 20, "the download is under way")
        clock.jump(days)
        report = shoal.finish(pull, 30)
    assert_same(source, report["path"])
    # Durations are measured by a clock that does not jump.
    assert 0 < report["seconds"] < 60
