"""What processes export, what Operations.md lists and what the dashboard asks for are the same."""

import json
import pathlib
import re
import shutil
import urllib.request

import pytest
from prometheus_client import parser

from conftest import NAME
from models import MIB, model
from obedient_hosts import call
from processes import eventually
from shoal import last_object

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent.parent
DASHBOARD = "Docs/grafana/shoal.json"
NAMES = re.compile(r"\bshoal_(?:peer|tracker)_[a-z_]+\b")


def samples(url):
    """By name and labels; each family has a help and a type that Prometheus knows."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = {}
    for family in parser.text_string_to_metric_families(text):
        assert family.documentation and family.type in ("counter", "gauge"), family
        # A family without samples has no counter's name of its own.
        name = family.name + ("_total" if family.type == "counter" else "")
        found.setdefault(name, {})
        for sample in family.samples:
            found[sample.name][tuple(sorted(sample.labels.items()))] = sample.value
    return found


def samples_with(url, condition):
    """Some numbers are of a moment ago: the disk is looked at twice a minute."""

    def found():
        all = samples(url)
        return all if condition(all) else None

    return eventually(found, 60, f"{url}/metrics is up to date")


@pytest.fixture
def exported(shoal, tmp_path):
    """A tracker and a host that serves a version by a rollout."""
    tracker = shoal.tracker()
    source = model(tmp_path / "model", MIB)
    for _ in range(2):
        shoal.seed(source, "--tracker", tracker.url, name=NAME, version="1.0")
    peer = shoal.peer(
        "--tracker", tracker.url, "--locality", "aws/east/r1", "--host-name", "h1",
        "--label", "pool=test", "--activation-probe", "/bin/true",
    )

    def run(*arguments):
        process = shoal.succeed(*arguments, "--tracker", tracker.url, "--json")
        return last_object(process.stdout)

    def hosts():
        return call(f"{tracker.url}/api/v1/hosts")[1]["hosts"]

    eventually(hosts, 30, "the host reports")
    run("channel", "set", "prod", "--model", NAME, "--selector", "pool=test")
    run("rollout", "create", "prod", "1.0", "--wave", "all")
    eventually(
        lambda: run("rollout", "status", "1")["rollout"]["phase"] == "complete", 60, "it serves")
    return tracker.url, f"http://{peer.api}"


@pytest.mark.limit(180)
def test_metrics_say_what_a_rollout_did_and_are_all_documented(exported):
    tracker, peer = exported
    used, active = (("kind", "used"),), (("channel", "prod"), ("state", "active"))
    host = samples_with(
        peer, lambda all: all.get("shoal_peer_disk_bytes", {}).get(used, 0) >= MIB)
    fleet = samples_with(tracker, lambda all: all["shoal_tracker_channel_hosts"].get(active))
    assert host["shoal_peer_active_version"][(("model", NAME), ("version", "1.0"))] == 1
    assert host["shoal_peer_host_versions"][(("stage", "active"),)] == 1
    assert host["shoal_peer_switches_total"][()] == 1
    assert host["shoal_peer_probes_total"][(("result", "ok"),)] >= 1
    assert host["shoal_peer_probes_total"][(("result", "failed"),)] == 0
    assert host["shoal_peer_models"][(("state", "failed"),)] == 0
    assert host["shoal_peer_fleet_in_touch"][()] == 1
    assert fleet["shoal_tracker_channel_held_bytes"][(("channel", "prod"),)] >= MIB
    assert fleet["shoal_tracker_rollout_wave"][(("channel", "prod"),)] == 1
    assert fleet["shoal_tracker_rollouts"][(("phase", "complete"),)] == 1
    assert fleet["shoal_tracker_page_streams"][()] == 0

    exports = set(host) | set(fleet)
    page = (CHECKOUT / "Docs/Operations.md").read_text()
    # `shoal_peer_transport_buffered_bytes`, `…_pooled_bytes`, `…_unsent_bytes`
    documented = set(NAMES.findall(page)) | {
        f"shoal_peer_transport_{name}" for name in re.findall(r"`…_([a-z_]+)`", page)
    }
    assert exports - documented == set(), "exported, and not in Docs/Operations.md"
    assert documented - exports == set(), "in Docs/Operations.md, and not exported"

    dashboard = json.loads((CHECKOUT / DASHBOARD).read_text())
    asked = [
        target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])
    ]
    asked += [variable["query"] for variable in dashboard["templating"]["list"]]
    wanted = set(NAMES.findall(" ".join(asked)))
    assert wanted - exports == set(), f"{DASHBOARD} asks for what nobody exports"
    assert exports - wanted == set(), f"{DASHBOARD} leaves out what is exported"
    # Labels that it selects or groups by are there too.
    labels = {label for family in (*host.values(), *fleet.values()) for key in family
              for label, _ in key}
    grouped = {
        label for text in re.findall(r"by \(([^)]*)\)", " ".join(asked))
        for label in text.split(", ")
    }
    assert grouped <= labels, grouped - labels


@pytest.mark.limit(60)
def test_both_say_whether_they_run_and_whether_they_work(shoal):
    tracker = shoal.tracker()
    peer = shoal.peer()
    for url in (tracker.url, f"http://{peer.api}"):
        assert call(f"{url}/healthz") == (200, {"status": "ok"})
        assert call(f"{url}/readyz") == (200, {"status": "ready"})
    shutil.rmtree(shoal.directory / f"tracker-{tracker.endpoint[1]}" / "catalog")
    status, answer = call(f"{tracker.url}/readyz")
    assert (status, answer["error"]["code"]) == (503, "catalog-unusable")
    assert call(f"{tracker.url}/healthz")[0] == 200
