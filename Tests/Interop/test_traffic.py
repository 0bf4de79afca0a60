"""Traffic as peers book it and the tracker sums it, and what it cost."""

import json
import time
import urllib.request

import pytest
from prometheus_client import parser

from models import assert_same, model

NAME = "acme/llama@1.0"


def swarm(tracker, info_hash):
    with urllib.request.urlopen(f"{tracker.url}/api/v1/swarms/{info_hash}", timeout=10) as answer:
        return json.load(answer)


def wait_for_traffic(tracker, info_hash, condition, seconds=20):
    deadline = time.monotonic() + seconds
    traffic = None
    while time.monotonic() < deadline:
        try:
            traffic = swarm(tracker, info_hash).get("traffic")
        except OSError:
            traffic = None
        if traffic and condition(traffic):
            return traffic
        time.sleep(0.2)
    raise AssertionError(f"the traffic did not come: {traffic}")


@pytest.fixture
def fleet(shoal, tmp_path):
    """A tracker, a seed in one cloud, and a model of 6 MiB."""
    source = model(tmp_path / "model", 6 << 20)
    tracker = shoal.tracker("--interval", "1")
    shoal.seed(
        source, "--tracker", tracker.url, "--locality", "aws/us-east-1/a",
        name="acme/llama", version="1.0",
    )  # fmt: skip
    return source, tracker


def test_the_tracker_sums_what_pulls_report_when_they_end(shoal, fleet):
    source, tracker = fleet
    reports = [
        shoal.pull(NAME, "--tracker", tracker.url, "--locality", place)
        for place in ("gcp/us-central1/a", "gcp/us-central1/b")
    ]
    for report in reports:
        assert_same(source, report["path"])
        assert report["costUSD"] >= 0
    # The seed reports on its own every few seconds.
    received = sum(entry["bytes"] for report in reports for entry in report["from"])
    info_hash = reports[0]["infoHash"]
    traffic = wait_for_traffic(tracker, info_hash, lambda t: t["sentBytes"] >= received)
    size = reports[0]["bytes"]
    assert traffic["receivedBytes"] == received == 2 * size
    assert traffic["sentBytes"] == received
    assert traffic["modelBytes"] == size
    # Both came from the seed: pulls that have ended serve nobody.
    gcp = next(d for d in traffic["domains"] if d["domain"] == "gcp")
    assert gcp["amplification"] == pytest.approx(2.0)
    assert traffic["sources"] == ["aws/us-east-1/a"]
    assert traffic["costUSD"] == pytest.approx(2 * size / 1e9 * 0.09)
    assert traffic["costOriginOnlyUSD"] == pytest.approx(2 * size / 1e9 * 0.09)
    assert sum(r["costUSD"] for r in reports) == pytest.approx(traffic["costUSD"])

    shown = shoal.succeed("status", "--tracker", tracker.url, NAME)
    assert "gcp/us-central1" in shown.stdout and "egress: $" in shown.stdout, shown.stdout
    same = shoal.succeed("status", "--tracker", tracker.url, info_hash, "--json")
    assert json.loads(same.stdout)["traffic"]["receivedBytes"] == received


def test_a_tracker_that_restarts_learns_the_sums_of_those_who_are_there(shoal, fleet):
    source, tracker = fleet
    peer = shoal.peer("--tracker", tracker.url, "--locality", "azure/westeurope/a")
    report = shoal.finish(
        shoal.start("pull", NAME, "--api", peer.api, "--json", name="pull"),
    )
    size, info_hash = report["bytes"], report["infoHash"]
    wait_for_traffic(tracker, info_hash, lambda t: t["sentBytes"] == t["receivedBytes"] == size)
    tracker.kill()
    again = shoal.tracker("--interval", "1", at=tracker.endpoint)
    # Both announce once their back-off is over, see another life, and report within an interval.
    traffic = wait_for_traffic(
        again, info_hash, lambda t: t["sentBytes"] == t["receivedBytes"] == size, seconds=45
    )
    assert traffic["reporters"] == 2
    assert traffic["costUSD"] == pytest.approx(size / 1e9 * 0.09)
    status = json.loads(shoal.succeed("status", "--api", peer.api, "--json").stdout)
    assert status["versions"][0]["costUSD"] == pytest.approx(size / 1e9 * 0.09)
    assert [e["to"] for e in status["versions"][0]["received"]] == ["azure/westeurope/a"]


def test_a_price_file_is_used_and_its_mistakes_are_named(shoal, fleet, tmp_path):
    _, tracker = fleet
    prices = tmp_path / "prices.json"
    prices.write_text(shoal.succeed("prices").stdout)
    assert shoal.succeed("prices", "--prices", prices).stdout == prices.read_text()
    mine = {"source": "ours", "date": "2026-09", "rules": [{"usdPerGB": 100}]}
    prices.write_text(json.dumps(mine))
    report = shoal.pull(NAME, "--tracker", tracker.url, "--locality", "gcp", "--prices", prices)
    assert report["costUSD"] == pytest.approx(report["bytes"] / 1e9 * 100)
    mine["rules"][0]["usd_per_gb"] = 1
    prices.write_text(json.dumps(mine))
    for command in (
        ["pull", NAME, "--tracker", tracker.url],
        ["tracker", "--listen", "127.0.0.1:0", "--data", tmp_path / "t"],
        ["prices"],
    ):
        refused = shoal.run(*command, "--prices", prices)
        assert refused.status == 1
        assert f"'{prices}'" in refused.stderr and "rules[0].usd_per_gb" in refused.stderr


def parsed(url):
    """Metrics by name, as Prometheus reads them: {name: {labels: value}}."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    found = {}
    for family in parser.text_string_to_metric_families(text):
        assert family.documentation and family.type in ("counter", "gauge")
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in found.setdefault(sample.name, {}), f"{sample.name}{labels} twice"
            found[sample.name][labels] = sample.value
    return found


def test_metrics_of_tracker_and_peer_are_read_by_prometheus(shoal, fleet):
    source, tracker = fleet
    peer = shoal.peer("--tracker", tracker.url, "--locality", "gcp/us-central1/a")
    report = shoal.finish(
        shoal.start("pull", NAME, "--api", peer.api, "--json", name="pull"),
    )
    metrics = parsed(f"http://{peer.api}")
    version = ("version", NAME)
    far = (("kind", "peer"), ("level", "otherCloud"), version)
    assert metrics["shoal_peer_received_bytes_total"][far] == report["bytes"]
    assert sum(metrics["shoal_peer_received_bytes_total"].values()) == report["bytes"]
    assert metrics["shoal_peer_verified_pieces"] == metrics["shoal_peer_pieces"]
    assert metrics["shoal_peer_journal_commits_total"][(version,)] >= 1
    assert metrics["shoal_peer_hash_failures_total"][(version,)] == 0
    assert metrics["shoal_peer_transport_unsent_bytes"][()] >= 0
    for path in ("healthz", "readyz"):
        urllib.request.urlopen(f"http://{peer.api}/{path}", timeout=10).close()
        urllib.request.urlopen(f"{tracker.url}/{path}", timeout=10).close()
    wait_for_traffic(tracker, report["infoHash"], lambda t: t["receivedBytes"] == report["bytes"])
    metrics = parsed(tracker.url)
    assert metrics["shoal_tracker_peers"][()] == 2
    assert metrics["shoal_tracker_announces_total"][(("result", "ok"),)] >= 2
    far = (("kind", "peer"), ("level", "otherCloud"))
    assert metrics["shoal_tracker_traffic_bytes_total"][far] == report["bytes"]
