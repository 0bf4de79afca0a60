"""Short scenarios of the laboratory from end to end; their own assertions are what is tested."""

import json
import os
import subprocess

import pytest

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
