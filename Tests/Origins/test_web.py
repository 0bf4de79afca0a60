"""Versions that nobody seeds, read from web servers and directories."""

import json
import time

import pytest

from origins import config, web
from models import MIB, assert_same, model
from processes import endpoint_text, eventually
from shoal import last_object, received
from web import Nginx
from web_server import WebServer


def total(directory):
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def test_a_pull_from_a_web_server_without_any_seed(shoal, source, publish, tmp_path):
    with Nginx(source.parent, tmp_path / "nginx") as nginx:
        tracker = shoal.tracker()
        publish("--origin", nginx.url + "model", tracker=tracker)
        flags = config(tmp_path / "origins.json", web(nginx))
        report = shoal.pull(
            "org/model@1", "--tracker", tracker.url, *flags, "--locality", "aws/us/r1"
        )
        assert_same(source, tmp_path / "shoal" / report["path"])
        assert received(report, "origin") == total(source)
        assert received(report) == 0
        assert report["duplicateBytes"] == 0
        origin = next(entry for entry in report["from"] if entry["kind"] == "origin")
        assert origin["domain"] == "aws/us"
        assert origin["proximity"] == "region"
        assert nginx.bytes_sent() == total(source)


def test_a_pull_from_a_directory_without_any_tracker(shoal, source, publish, tmp_path):
    flags = config(
        tmp_path / "origins.json", {"id": "mount", "kind": "directory", "path": str(source.parent)}
    )
    torrent = publish("--origin", "mount:model", *flags)
    report = shoal.pull(torrent, *flags)
    assert_same(source, tmp_path / "shoal" / report["path"])
    assert received(report, "origin") == total(source)


def test_an_origin_that_is_not_allowed_is_never_asked(shoal, source, publish, tmp_path):
    with WebServer(source.parent) as allowed, WebServer(source.parent) as other:
        torrent = publish("--origin", other.url + "model")
        asked = len(other.requests)
        flags = config(tmp_path / "origins.json", web(allowed))
        pull = shoal.run("pull", torrent, "--timeout", "6", "--data", tmp_path / "d", *flags)
        assert pull.status != 0
        assert len(other.requests) == asked
        assert allowed.requests == []
        # And without a file of origins none is.
        pull = shoal.run("pull", torrent, "--timeout", "4", "--data", tmp_path / "e")
        assert pull.status != 0
        assert len(other.requests) == asked


def test_publishing_checks_what_the_origin_has(shoal, source, tmp_path):
    other = model(tmp_path / "elsewhere" / "model", 1000)
    with WebServer(other.parent) as server:
        process = shoal.run(
            "publish", source, "--name", "org/model", "--version", "1",
            "--output", tmp_path / "no.torrent", "--origin", server.url + "model",
        )
        assert process.status != 0
        assert "'model.safetensors'" in process.stderr and "1000 bytes there" in process.stderr
        assert "'empty.txt'" in process.stderr and "is not there" in process.stderr
        assert not (tmp_path / "no.torrent").exists()


def test_peers_are_preferred_and_the_origin_gives_what_they_lack(shoal, source, publish, tmp_path):
    with WebServer(source.parent) as server:
        tracker = shoal.tracker()
        torrent = publish("--origin", server.url + "model", tracker=tracker)
        shoal.seed(source, "--tracker", tracker.url, "--piece-length", str(256 * 1024))
        flags = config(tmp_path / "origins.json", web(server))
        report = shoal.pull(torrent, "--tracker", tracker.url, *flags)
        assert received(report) == total(source)
        assert received(report, "origin") == 0
        assert server.count() == 0


def test_a_bearer_token_is_sent_and_shown_nowhere(shoal, source, publish, tmp_path):
    secret = "token-that-nobody-may-see"

    def refuse(handler, data, begin, end):
        if handler.headers.get("Authorization") == f"Bearer {secret}":
            return False
        server.send(handler, 401, b"")
        return True

    with WebServer(source.parent, refuse) as server:
        torrent = publish("--origin", server.url + "model")
        secrets = tmp_path / "secret.json"
        secrets.write_text(json.dumps({"bearerToken": secret}))
        flags = config(
            tmp_path / "origins.json", web(server, credentials={"file": str(secrets)})
        )
        pull = shoal.start_pull(torrent, *flags, "--log-level", "trace")
        report = shoal.finish(pull)
        assert_same(source, tmp_path / "shoal" / report["path"])
        assert secret not in pull.output
        assert secret.encode() not in torrent.read_bytes()
        secrets.write_text(json.dumps({"bearerToken": "wrong-but-also-secret"}))
        refused = shoal.start_pull(torrent, *flags, "--timeout", "5", "--log-level", "trace")
        refused.wait(30)
        assert refused.status != 0
        assert "refuses access" in refused.output and "credentials" in refused.output
        assert "also-secret" not in refused.output


@pytest.mark.limit(150)
def test_eight_peers_without_a_seed_read_the_origin_once(shoal, tmp_path):
    directory = model(tmp_path / "origin" / "model", 48 * MIB)
    for index in range(60):
        (directory / f"small-{index}.json").write_text("x" * (100 + index))
    with Nginx(directory.parent, tmp_path / "nginx") as nginx:
        tracker = shoal.tracker()
        shoal.publish(
            directory, tmp_path / "m.torrent", "--tracker", tracker.url, "--origin",
            nginx.url + "model",
        )
        flags = config(tmp_path / "origins.json", web(nginx))
        pulls = []
        peers = [
            shoal.peer("--tracker", tracker.url, *flags, "--locality", f"aws/us/r{index % 4}")
            for index in range(8)
        ]
        for peer in peers:
            pulls.append(
                shoal.start("pull", "org/model@1", "--api", peer.api, "--json", "--tracker",
                            tracker.url)
            )
        reports = []
        for pull in pulls:
            pull.wait(120)
            assert pull.status == 0, pull.describe()
            reports.append(last_object(pull.stdout))
        size = total(directory)
        assert nginx.bytes_sent() <= 1.02 * size
        assert sum(received(report, "origin") for report in reports) <= 1.02 * size
        for peer in peers:
            assert_same(directory, peer_view(shoal, peer))


def peer_view(shoal, peer):
    index = peer.command.index("--data")
    return type(shoal.directory)(peer.command[index + 1]) / "models" / "org" / "model" / "1"
