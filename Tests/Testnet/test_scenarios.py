"""Short scenarios of the laboratory from end to end; their own assertions are what is tested."""

import json
import os
import subprocess

import pytest
from conftest import Testnet

SHORT = [
    "cold-start-small",
    "late-joiners",
    "build-cluster",
    "origin-s3-start",
    "kill-importers",
    "kill-seed-at-60",
    "partition-and-heal",
    "corrupt-peer",
    "disk-full",
]
# Python packages that some need beside.
NEEDS = {"origin-s3-start": ["moto", "boto3"]}


NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


@pytest.mark.limit(150)
def test_without_root_hosts_have_networks_in_a_user_namespace(binary):
    probe = subprocess.run([*NOBODY, "unshare", "-Urnm", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("the system allows no user namespaces")
    result = subprocess.run(
        [*NOBODY, str(binary), "testnet", "run", "cold-start-small", "--json"],
        env={**os.environ, "HOME": "/tmp", "TMPDIR": "/tmp"}, cwd=binary.parent,
        capture_output=True, text=True, timeout=140, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["isolation"] == "namespaces"
    assert report["boundaries"]


@pytest.mark.limit(150)
def test_without_namespaces_hosts_have_loopback_addresses(testnet):
    report = testnet.json("run", "cold-start-small", "--loopback", seconds=140)
    assert report["isolation"] == "loopback"
    assert report["ok"] and report["boundaries"] == []


@pytest.mark.parametrize("scenario", SHORT)
@pytest.mark.limit(150)
def test_scenario(testnet, scenario):
    for module in NEEDS.get(scenario, []):
        pytest.importorskip(module)
    report = testnet.json("run", scenario, seconds=140)
    assert report["scenario"] == scenario
    assert report["ok"] and report["violations"] == []
    assert report["hosts"] == len(report["hostReports"])
    assert report["completionSeconds"]["max"] >= report["boundSeconds"] * 0.95
    assert all(boundary["counterIn"] > 0 for boundary in report["boundaries"])


@pytest.fixture(scope="module")
def late_host(binary, tmp_path_factory):
    """The scenario that mostly waits for a host to count as dead: it runs beside the other rollouts."""
    testnet = Testnet(binary, tmp_path_factory.mktemp("late-host"))
    yield testnet, testnet.start("run", "rollout-late-host", "--json")
    testnet.run("down", "--all")


def waves_of(report):
    """The waves of a rollout over all 16 hosts."""
    assert report["ok"] and report["violations"] == []
    [rollout] = report["rollouts"]
    assert [wave["hosts"] for wave in rollout["waves"]] == [1, 3, 12]
    assert rollout["hosts"] == report["hosts"] == len(report["hostReports"]) == 16
    return rollout, rollout["waves"]


def assert_complete(rollout, waves, away):
    assert rollout["state"] == "complete"
    assert rollout["hostsActive"] == 16 - away
    assert [wave["hostsActive"] for wave in waves] == [1, 3, 12 - away]
    began = [wave["beganSeconds"] for wave in waves]
    assert began == sorted(began) and waves[-1]["activeSeconds"] <= rollout["completeSeconds"]


@pytest.mark.parametrize("scenario", ["rollout", "rollout-restart"])
@pytest.mark.limit(240)
def test_rollout(testnet, late_host, scenario):
    rollout, waves = waves_of(testnet.json("run", scenario, seconds=230))
    assert_complete(rollout, waves, away=0)


@pytest.mark.limit(240)
def test_a_bad_version_is_taken_back(testnet, late_host):
    rollout, _ = waves_of(testnet.json("run", "rollout-bad", seconds=230))
    assert rollout["state"] == "rolled back"
    assert rollout["hostsActive"] == 0 < rollout["hostsActiveMax"] < 16
    assert 0 < rollout["returnSeconds"] <= 10
    assert rollout["returnBytes"] == 0
    assert "the probe" in rollout["returnReason"]


@pytest.mark.limit(240)
def test_a_host_that_was_away_converges(late_host):
    _, process = late_host
    out, err = process.communicate(timeout=230)
    assert process.returncode == 0, err[-3000:]
    report = json.loads(out.splitlines()[-1])
    rollout, waves = waves_of(report)
    assert_complete(rollout, waves, away=1)
    assert report["hostReports"][-1]["servingSeconds"] <= 30


@pytest.mark.limit(300)
def test_the_simulator_agrees_with_the_laboratory(testnet, binary):
    """The same topology in real processes and in virtual time: a plan's numbers mean something."""
    real = testnet.json("run", "cold-start", seconds=240)
    simulated = subprocess.run(
        [str(binary), "simulate", "cold-start", "--json", "-q"],
        capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip
    virtual = json.loads(simulated.stdout.splitlines()[-1])
    assert virtual["hosts"] == real["hosts"] == 16
    # The laboratory's model has two small files beside.
    assert abs(virtual["modelBytes"] - real["modelBytes"]) < 1 << 20
    ratio = real["completionSeconds"]["max"] / virtual["completionSeconds"]["max"]
    assert 0.75 <= ratio <= 1.25, (real["completionSeconds"], virtual["completionSeconds"])
    amplified = {entry["domain"]: entry["amplification"] for entry in virtual["domains"]}
    compared = 0
    for entry in real["domains"]:
        if entry["domain"] in amplified:
            assert abs(entry["amplification"] - amplified[entry["domain"]]) <= 0.05, entry
            compared += 1
    assert compared >= 6
