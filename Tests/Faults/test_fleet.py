"""A tracker and real peers: versions go over a fleet, and back."""

import os
import signal

import pytest

from models import MIB, assert_same, model
from obedient_hosts import call
from processes import endpoint_text, eventually
from shoal import last_object

NAME = "acme/llama"
PATIENCE_SECONDS = 90
HOST_COUNT = 4


class Fleet:
    """Two publishers of each version, and hosts in two racks whose probe is a file that may be missing."""

    def __init__(self, shoal, tmp_path):
        self.shoal, self.directory = shoal, tmp_path
        self.tracker = shoal.tracker()
        self.sources = {}
        for number, version in enumerate(["v1", "v2"], start=1):
            self.sources[version] = model(tmp_path / f"source-{version}", MIB, seed=number)
            for _ in range(2):
                shoal.seed(
                    self.sources[version], "--tracker", self.tracker.url, name=NAME, version=version
                )
        self.peers = [self.start(number) for number in range(HOST_COUNT)]
        eventually(lambda: len(self.get("hosts")["hosts"]) == HOST_COUNT, PATIENCE_SECONDS, "hosts")
        self.run("channel", "set", "prod", "--model", NAME, "--selector", "pool=test")

    def data(self, number):
        return self.directory / f"host-{number}"

    def start(self, number):
        probe = self.directory / "probe"
        if not probe.exists():
            probe.write_text(f"#!/bin/sh\n! grep -qx $SHOAL_VERSION {self.directory}/bad\n")
            probe.chmod(0o755)
            (self.directory / "bad").write_text("")
        return self.shoal.peer(
            "--tracker", self.tracker.url, "--locality", f"aws/east/r{number % 2}",
            "--host-name", f"h{number}", "--label", "pool=test", "--activation-probe", str(probe),
            data=self.data(number),
        )

    def get(self, path):
        status, answer = call(f"{self.tracker.url}/api/v1/{path}")
        assert status == 200, answer
        return answer

    def run(self, *arguments):
        process = self.shoal.succeed(*arguments, "--tracker", self.tracker.url, "--json")
        return last_object(process.stdout)

    def create(self, version, *arguments):
        return self.run("rollout", "create", "prod", version, *arguments)["rollout"]["id"]

    def until(self, rollout, phase):
        def is_there():
            found = self.get(f"rollouts/{rollout}")["rollout"]
            return found["phase"] == phase or found.get("pause")

        eventually(is_there, PATIENCE_SECONDS, f"rollout {rollout} is {phase}")
        view = self.get(f"rollouts/{rollout}")
        assert view["rollout"]["phase"] == phase, view
        return view

    def received(self, number):
        """Payload bytes since the peer was started."""
        status = self.shoal.succeed("status", "--api", self.peers[number].api, "--json")
        return sum(version["receivedBytes"] for version in last_object(status.stdout)["versions"])

    def current(self, number):
        try:
            return os.readlink(self.data(number) / "models" / NAME / "current")
        except FileNotFoundError:
            return None

    def serving(self):
        return [self.current(number) for number in range(HOST_COUNT)]


@pytest.mark.limit(400)
def test_a_version_goes_over_a_fleet_and_back(shoal, tmp_path):
    fleet = Fleet(shoal, tmp_path)
    fleet.until(fleet.create("v1", "--wave", "all"), "complete")
    assert fleet.serving() == ["v1"] * HOST_COUNT
    for number in range(HOST_COUNT):
        assert_same(fleet.sources["v1"], fleet.data(number) / "models" / NAME / "current")

    second = fleet.create("v2", "--wave", "1", "--wave", "all")
    # A host and the tracker are killed on the way.
    fleet.peers[1].signal(signal.SIGKILL)
    fleet.peers[1].wait(10)
    fleet.tracker.signal(signal.SIGKILL)
    fleet.tracker.wait(10)
    fleet.tracker = fleet.shoal.tracker(at=fleet.tracker.endpoint)
    fleet.peers[1] = fleet.start(1)
    fleet.until(second, "complete")
    assert fleet.serving() == ["v2"] * HOST_COUNT
    for number in range(HOST_COUNT):
        assert_same(fleet.sources["v2"], fleet.data(number) / "models" / NAME / "current")

    received = [fleet.received(number) for number in range(HOST_COUNT)]
    fleet.run("rollout", "rollback", str(second))
    fleet.until(second, "rolledBack")
    assert fleet.serving() == ["v1"] * HOST_COUNT
    assert [fleet.received(number) for number in range(HOST_COUNT)] == received

    (fleet.directory / "bad").write_text("v2\n")
    third = fleet.create("v2", "--wave", "1", "--wave", "all")
    eventually(
        lambda: fleet.get(f"rollouts/{third}")["rollout"]["phase"] in ("activating", "returning"),
        PATIENCE_SECONDS, "a host tries the bad version",
    )
    fleet.run("rollout", "abort", str(third), "--reason", "it does not get well")
    fleet.until(third, "rolledBack")
    assert fleet.serving() == ["v1"] * HOST_COUNT
    assert fleet.get("audit/check")["ok"]


@pytest.mark.limit(450)
def test_a_host_that_was_away_converges_when_it_is_back(shoal, tmp_path):
    fleet = Fleet(shoal, tmp_path)
    fleet.until(fleet.create("v1", "--wave", "all"), "complete")
    fleet.peers[3].signal(signal.SIGKILL)
    fleet.peers[3].wait(10)
    second = fleet.create("v2", "--wave", "all")
    # Nobody knows for a minute and a half that it is gone.
    eventually(
        lambda: fleet.get(f"rollouts/{second}")["rollout"]["phase"] == "complete",
        90 + PATIENCE_SECONDS, "the rollout is complete without it",
    )
    assert fleet.serving()[:3] == ["v2"] * 3
    assert fleet.current(3) == "v1"
    fleet.peers[3] = fleet.start(3)
    eventually(lambda: fleet.serving() == ["v2"] * 4, PATIENCE_SECONDS, "the fourth does too")
    assert_same(fleet.sources["v2"], fleet.data(3) / "models" / NAME / "current")
