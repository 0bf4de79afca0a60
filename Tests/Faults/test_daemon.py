"""The life of a peer daemon: it fetches when told, keeps what it has over a crash, lets go of it."""

import json
import urllib.error
import urllib.request

import pytest

from models import MIB, assert_same, model
from shoal import endpoint, last_object


@pytest.fixture
def fleet(shoal, tmp_path):
    """A tracker, a seed of org/model@1 and a peer that has it as well."""
    source = model(tmp_path / "model", 16 * MIB)
    tracker = shoal.tracker("--interval", "2")
    seed = shoal.seed(source, "--tracker", tracker.url)
    peer = shoal.peer("--tracker", tracker.url, "--locality", "aws/us-east-1/rack1")
    shoal.succeed("pull", "org/model@1", "--api", peer.api, "--tracker", tracker.url)
    return source, tracker, seed, peer


def rows(process):
    """The objects that a command printed, as one list."""
    value = json.loads(process.stdout)
    if isinstance(value, list):
        return value
    return next((each for each in value.values() if isinstance(each, list)), [value])


def test_a_daemon_tells_what_it_has(shoal, fleet):
    source, _, _, peer = fleet
    (row,) = rows(shoal.succeed("list", "--api", peer.api, "--json"))
    assert (row["name"], row["version"]) == ("org/model", "1")
    assert_same(source, row["path"])
    assert shoal.succeed("status", "--api", peer.api, "--json").stdout.strip()
    shoal.succeed("verify", "org/model@1", "--api", peer.api)


def test_a_killed_daemon_serves_again(shoal, fleet, tmp_path):
    source, tracker, seed, peer = fleet
    seed.stop()
    at, data = peer.endpoint, peer.command[peer.command.index("--data") + 1]
    for _ in range(5):
        peer.kill()
        peer = shoal.peer("--tracker", tracker.url, at=at, data=data)
    # From the daemon alone: the seed is gone.
    pull = shoal.start_pull("org/model@1", "--tracker", tracker.url, peers=[at])
    pull.wait(30)
    assert pull.status == 0, pull.describe()
    assert_same(source, last_object(pull.stdout)["path"])


def test_a_removed_version_is_gone_but_not_for_who_reads_it(shoal, fleet):
    source, _, _, peer = fleet
    (row,) = rows(shoal.succeed("list", "--api", peer.api, "--json"))
    with open(f"{row['path']}/config.json") as reader:
        shoal.succeed("remove", "org/model@1", "--api", peer.api)
        assert reader.read() == (source / "config.json").read_text()
    assert "org/model" not in shoal.succeed("list", "--api", peer.api, "--json").stdout
    again = shoal.run("remove", "org/model@1", "--api", peer.api)
    assert again.status == 4, again.describe()


def test_a_page_of_another_site_removes_nothing(shoal, fleet):
    _, _, _, peer = fleet
    request = urllib.request.Request(
        f"http://{peer.api}/v1/versions/org/model/1", method="DELETE",
        headers={"Origin": "http://evil.example"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == 403
    assert "a page of 'http://evil.example'" in json.loads(refused.value.read())["error"]["message"]
    assert "org/model" in shoal.succeed("list", "--api", peer.api, "--json").stdout


def test_a_daemon_over_a_unix_socket(shoal, tmp_path):
    tracker = shoal.tracker()
    # Short: the address of a socket has at most 107 bytes.
    api = f"unix:/tmp/shoal-{endpoint()[1]}.sock"
    peer = shoal.peer("--tracker", tracker.url, api=api)
    shoal.succeed("status", "--api", api, "--json")
    peer.stop()
    away = shoal.run("status", "--api", api, "--json")
    assert away.status == 7, away.describe()


def test_nobody_answers_where_no_daemon_is(shoal):
    at = "127.0.0.1:1"
    for command in (["status"], ["list"], ["verify", "org/model@1"], ["remove", "org/model@1"]):
        process = shoal.run(*command, "--api", at)
        assert process.status == 7, process.describe()
        assert at in process.stderr
