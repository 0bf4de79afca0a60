"""Rollouts with a real tracker and hosts over HTTP: what happens when something is killed."""

import json
import os
import pty
import signal
import sqlite3
import subprocess

import pytest

from models import model
from obedient_hosts import Host, announce_holders, call
from processes import endpoint_text, eventually
from reported_fleet import announce_holders
from shoal import endpoint, last_object

PATIENCE_SECONDS = 60


@pytest.fixture
def fleet(shoal, tmp_path):
    """A tracker with two published versions, and twelve hosts in three racks that serve the first."""
    made = Fleet(shoal, tmp_path)
    yield made
    made.close()


class Fleet:
    def __init__(self, shoal, tmp_path):
        self.shoal = shoal
        self.at = endpoint()
        self.start()
        self.hashes, self.hosts = {}, []
        for number in (1, 2):
            source = model(tmp_path / f"model-{number}", 200_000 + number)
            published = shoal.succeed(
                "publish", source, "--name", "acme/llama", "--version", f"v{number}",
                "--tracker", self.tracker.url, "--json",
            )
            self.hashes[f"v{number}"] = last_object(published.stdout)["infoHash"]
        for number in range(12):
            host = Host(
                f"h{number}", self.tracker, locality=f"aws/east/r{number % 3}",
                labels={"pool": "test"}, serves={"v1": self.hashes["v1"]},
            )
            self.hosts.append(host.start())
        eventually(lambda: len(self.get("hosts")["hosts"]) == 12, PATIENCE_SECONDS, "12 hosts")
        self.run("channel", "set", "prod", "--model", "acme/llama", "--selector", "pool=test")
        self.announce("v1")
        self.run("rollout", "create", "prod", "v1", "--wave", "all")
        self.until(1, "complete")
        self.announce("v2")

    def start(self):
        self.tracker = self.shoal.tracker(at=self.at)

    def announce(self, version):
        announce_holders(self.tracker, self.hashes[version])

    def run(self, *arguments, status=0):
        process = self.shoal.run(*arguments, "--tracker", self.tracker.url, "--json")
        assert process.status == status, process.describe()
        return last_object(process.stdout) if status == 0 else process

    def get(self, path):
        status, answer = call(f"{self.tracker.url}/api/v1/{path}")
        assert status == 200, answer
        return answer

    def view(self, rollout):
        return self.get(f"rollouts/{rollout}")

    def until(self, rollout, phase, seconds=PATIENCE_SECONDS):
        def is_there():
            found = self.view(rollout)["rollout"]
            return found["phase"] == phase or found.get("pause")

        eventually(is_there, seconds, f"rollout {rollout} is {phase}")
        view = self.view(rollout)
        assert view["rollout"]["phase"] == phase, json.dumps(view, indent=1)
        return view

    def serving(self, version):
        return sum(host.active == version and not host.activating for host in self.hosts)

    def close(self):
        for host in self.hosts:
            host.stop()
        for host in self.hosts:
            host.crash()

    def check(self):
        """What must be so whatever happened."""
        for host in self.hosts:
            fences = [fence for fence, _ in host.fences]
            assert fences == sorted(fences), f"{host.name} obeyed {host.fences}"
        told = [fence for host in self.hosts for fence, _ in host.fences]
        assert len(told) == len(set(told)), "a fence was given twice"
        assert self.get("audit/check")["ok"]


@pytest.mark.limit(240)
def test_a_tracker_killed_in_the_middle_of_a_wave_goes_on(fleet):
    for host in fleet.hosts:
        host.switch_seconds = 0.1
    made = fleet.run("rollout", "create", "prod", "v2", "--wave", "1", "--wave", "all")
    rollout = made["rollout"]["id"]
    for count in (1, 3, 6, 9):
        eventually(lambda: fleet.serving("v2") >= count, PATIENCE_SECONDS, f"{count} hosts")
        fleet.tracker.signal(signal.SIGKILL)
        fleet.tracker.wait(10)
        fleet.start()
        # Swarms are soft: whoever holds the version announces itself again.
        fleet.announce("v2")
    view = fleet.until(rollout, "complete", 120)
    assert fleet.serving("v2") == 12
    assert view["hosts"]["active"] == 12
    fleet.check()
    # Each life of the tracker commanded with an epoch of its own.
    epochs = {fence[0] for host in fleet.hosts for fence, _ in host.fences}
    assert len(epochs) > 1


@pytest.mark.limit(180)
def test_a_failing_probe_brings_all_hosts_back(fleet):
    fleet.hosts[5].bad_versions.add("v2")
    made = fleet.run("rollout", "create", "prod", "v2", "--wave", "all")
    rollout = made["rollout"]["id"]
    view = fleet.until(rollout, "rolledBack")
    assert "h5: the probe said no" in view["rollout"]["returnReason"]
    assert fleet.serving("v1") == 12
    watched = fleet.run("rollout", "watch", str(rollout), status=20)
    assert "rolled back" in watched.stderr
    fleet.check()


@pytest.mark.limit(180)
def test_an_abort_survives_the_tracker(fleet):
    for host in fleet.hosts:
        host.switch_seconds = 0.2
    made = fleet.run("rollout", "create", "prod", "v2", "--wave", "all")
    rollout = made["rollout"]["id"]
    eventually(lambda: fleet.serving("v2") >= 2, PATIENCE_SECONDS, "2 hosts")
    fleet.run("rollout", "abort", str(rollout), "--reason", "a test")
    fleet.tracker.signal(signal.SIGKILL)
    fleet.tracker.wait(10)
    fleet.start()
    fleet.until(rollout, "rolledBack")
    assert fleet.serving("v1") == 12
    # Twice is once.
    fleet.run("rollout", "abort", str(rollout))
    fleet.check()


@pytest.mark.limit(180)
def test_approval_rollback_and_who_did_it(fleet):
    made = fleet.run(
        "rollout", "create", "prod", "v2", "--wave", "1/soak=0/approval", "--wave", "all"
    )
    rollout = str(made["rollout"]["id"])
    eventually(
        lambda: "approval" in (fleet.view(rollout).get("waitsFor") or ""), PATIENCE_SECONDS,
        "it waits for approval",
    )
    assert fleet.serving("v2") == 1
    stale = fleet.run("rollout", "pause", rollout, "--if-revision", "1", status=5)
    assert "since then" in stale.stderr
    fleet.run("rollout", "approve", rollout, "--wave", "1")
    fleet.run("rollout", "approve", rollout, "--wave", "1")
    fleet.until(rollout, "complete")
    fleet.run("rollout", "watch", rollout)
    assert fleet.serving("v2") == 12
    sealed = [dict(host.sealed) for host in fleet.hosts]
    fleet.run("rollout", "rollback", rollout)
    fleet.until(rollout, "rolledBack")
    assert fleet.serving("v1") == 12
    assert [host.sealed for host in fleet.hosts] == sealed
    audit = fleet.get("audit?limit=1000")["entries"]
    assert sum(entry["verb"] == "activate" for entry in audit) == 24
    assert any("rolled back by anybody at 127.0.0.1" in entry["detail"] for entry in audit)
    assert fleet.run("channel", "list")["channels"][0]["channel"]["stable"]["version"] == "v1"
    fleet.check()


def on_terminal(command):
    """What a command that ends by itself writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # EIO: the other end is closed
                break
            written += part
        os.close(ours)
    assert process.returncode == 0, written
    return written.decode()


def test_who_watches_sees_what_has_moved_and_what_it_cost(fleet):
    amount = {"bytes": 0, "duplicateBytes": 0}
    status, answer = call(
        f"{fleet.tracker.url}/api/v1/swarms/{fleet.hashes['v1'][:40]}/traffic", "POST",
        {"peer": "2d5348303030312d" + "31" * 12, "generation": 1, "modelBytes": 10**9,
         "locality": "gcp/us-central1/a", "isSource": False, "isLast": False,
         "received": [{"domain": "aws/us-east-1/a", "kind": "peer", "bytes": 6 * 10**9,
                       "duplicateBytes": 0}],
         "sent": [], "receivedOther": amount, "sentOther": amount, "refetchedBytes": 0},
    )
    assert status == 200, answer
    shown = on_terminal(
        [fleet.shoal.binary, "rollout", "watch", "1", "--tracker", fleet.tracker.url]
    )
    assert "state      complete" in shown
    # Twelve hosts want a gigabyte each.
    assert "50%  5.59 GiB of 11.2 GiB" in shown
    assert "egress     $0.54" in shown


def test_a_second_tracker_on_one_directory_does_not_start(shoal):
    first = shoal.tracker()
    data = shoal.directory / f"tracker-{first.endpoint[1]}"
    second = shoal.run("tracker", "--listen", endpoint_text(endpoint()), "--data", data)
    assert second.status == 1
    assert "in use by another process" in second.stderr
    assert first.status is None


def test_a_damaged_database_is_refused_and_a_copy_takes_its_place(shoal):
    tracker = shoal.tracker()
    data = shoal.directory / f"tracker-{tracker.endpoint[1]}"
    shoal.succeed(
        "channel", "set", "prod", "--model", "acme/llama", "--tracker", tracker.url
    )
    status, backup = call(f"{tracker.url}/api/v1/backup", "POST")
    assert status == 201
    tracker.signal(signal.SIGKILL)
    tracker.wait(10)
    database = data / "catalog.sqlite"
    for leftover in data.glob("catalog.sqlite-*"):
        leftover.unlink()
    database.write_bytes(b"rot" * 5000)
    refused = shoal.run("tracker", "--listen", endpoint_text(tracker.endpoint), "--data", data)
    assert refused.status == 1
    assert str(database) in refused.stderr and "backups" in refused.stderr
    database.unlink()
    (data / "backups").joinpath(backup["path"].rsplit("/", 1)[1]).rename(database)
    with sqlite3.connect(database) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()
    again = shoal.tracker(at=tracker.endpoint)
    names = [view["channel"]["name"] for view in call(f"{again.url}/api/v1/channels")[1]["channels"]]
    assert names == ["prod"]
