"""Versions are put into service by a real peer with real hooks, which hang, flood, fail and are killed."""

import json
import os
import pathlib
import signal
import stat
import time

import pytest

from fleet import FleetTracker
from models import MIB, assert_same, model
from processes import endpoint_text, eventually
from shoal import endpoint, last_object

NAME = "acme/llama"
PIECES = ("--piece-length", "64KiB")
SECONDS = 30


class Host:
    """A peer on a data directory that has two versions, and what its hooks wrote."""

    def __init__(self, shoal, tmp_path):
        self.shoal = shoal
        self.directory = tmp_path
        self.data = tmp_path / "data"
        self.log = tmp_path / "hooks.log"
        self.hashes = {}
        self.torrents = {}
        self.sources = {}
        self.peer = None
        for number, version in enumerate(["1", "2"], start=1):
            source = model(tmp_path / f"source-{version}", MIB, seed=number)
            torrent = tmp_path / f"{version}.torrent"
            shoal.publish(source, torrent, *PIECES, name=NAME, version=version)
            self.sources[version] = source
            self.torrents[version] = torrent
            info = shoal.succeed("inspect", torrent, "--json")
            self.hashes[version] = last_object(info.stdout)["infoHash"]

    def script(self, name, text):
        """A program that notes that it began, and then does what `text` says."""
        path = self.directory / name
        path.write_text(
            f"#!/bin/sh\necho {name} $SHOAL_PREVIOUS-$SHOAL_VERSION $$ >> {self.log}\n{text}\n"
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def start(self, *arguments, **settings):
        """`settings` go into the settings file, underscores as dashes."""
        config = self.directory / "settings.json"
        config.write_text(
            json.dumps({key.replace("_", "-"): value for key, value in settings.items()})
        )
        api = endpoint_text(endpoint())
        self.peer = self.shoal.peer("--config", config, *arguments, data=self.data, api=api)
        self.api = self.peer.api
        eventually(lambda: self.run("list").status == 0, SECONDS, "the API answers")
        return self

    def run(self, *arguments, **options):
        return self.shoal.run(*arguments, "--api", self.api, **options)

    def adopt_all(self):
        for version in self.torrents:
            self.adopt(version)
        return self

    def adopt(self, version):
        report = self.run(
            "adopt", self.sources[version], f"{NAME}@{version}",
            "--torrent", self.torrents[version], "--json",
        )
        assert report.status == 0, report.describe()
        eventually(
            lambda: self.stage(version) in ("sealed", "active"), SECONDS, f"{version} is sealed"
        )
        return last_object(report.stdout)

    def status(self):
        answer = self.run("status", "--json")
        assert answer.status == 0, answer.describe()
        return last_object(answer.stdout)

    def report(self):
        models = self.status()["host"]["models"]
        return models[0]["report"] if models else None

    def stage(self, version):
        report = self.report()
        found = [v for v in report["versions"] if v["version"] == version] if report else []
        return found[0]["stage"] if found else None

    @property
    def current(self):
        try:
            return os.readlink(self.data / "models" / NAME / "current")
        except FileNotFoundError:
            return None

    @property
    def calls(self):
        if not self.log.exists():
            return []
        return [tuple(line.split()[:2]) for line in self.log.read_text().splitlines()]

    def pid_of_last_call(self):
        return int(self.log.read_text().splitlines()[-1].split()[2])

    def activate(self, version):
        return self.run("activate", f"{NAME}@{version}", "--json", seconds=SECONDS)

    def serves(self, version):
        return self.current == version and self.stage(version) == "active"


@pytest.fixture
def host(shoal, tmp_path):
    return Host(shoal, tmp_path)


def ends(pid):
    """Whether a process that is not ours has ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return text[text.rindex(")") + 2] in "ZX"


def test_hooks_run_in_order_and_the_link_is_switched_between_them(host):
    link = host.data / "models" / NAME / "current"
    before = host.script("before", f"readlink {link} >> {host.log}.links || true")
    after = host.script("after", f"readlink {link} >> {host.log}.links")
    host.start(
        activation_before=str(before),
        activation_after=[str(after)],
        activation_probe=["/bin/sh", "-c", f"grep -q . {link}/config.json"],
    ).adopt_all()
    first = host.activate("1")
    assert first.status == 0, first.describe()
    second = host.activate("2")
    assert second.status == 0, second.describe()
    shown = last_object(second.stdout)
    assert (shown["active"], shown["previous"], shown["isHealthy"]) == ("2", "1", True)
    assert host.calls == [
        ("before", "-1"), ("after", "-1"), ("before", "1-2"), ("after", "1-2"),
    ]
    links = pathlib.Path(f"{host.log}.links").read_text().split()
    assert links == ["1", "1", "2"]
    assert_same(host.sources["2"], link)
    back = host.run("rollback", NAME, "--json")
    assert back.status == 0, back.describe()
    assert host.current == "1"
    listed = last_object(host.run("list", "--json").stdout)["versions"]
    assert {v["version"]: v["stage"] for v in listed} == {"1": "active", "2": "sealed"}


def test_a_hook_that_fails_brings_the_previous_version_back(host):
    after = host.script("after", "test $SHOAL_VERSION = 1 || { echo out of memory; exit 9; }")
    host.start(activation_after=str(after)).adopt_all()
    assert host.activate("1").status == 0
    failed = host.activate("2")
    assert failed.status == 1
    assert "out of memory" in failed.stderr and "status 9" in failed.stderr
    assert host.current == "1"
    assert host.calls[-2:] == [("after", "1-2"), ("after", "2-1")]


def test_a_hook_that_hangs_is_ended_with_its_children(host):
    hang = "trap '' TERM; sleep 1000 & echo child $! >> %s.pids; wait; sleep 1000" % host.log
    after = host.script("after", f"test $SHOAL_VERSION = 1 || {{ {hang}; }}")
    host.start(activation_after=str(after), activation_timeout=2).adopt_all()
    assert host.activate("1").status == 0
    failed = host.activate("2")
    assert failed.status == 1
    assert "no end within" in failed.stderr
    assert host.current == "1"
    child = int(pathlib.Path(f"{host.log}.pids").read_text().split()[1])
    eventually(lambda: ends(child), SECONDS, "the hook's child has ended")


def test_a_hook_that_floods_neither_hangs_nor_takes_memory(host):
    # More than can be taken in with a pause of 20 ms after each pipe of 64 KiB.
    after = host.script("after", "head -c 2000000000 /dev/zero; exit 4")
    host.start(activation_after=str(after)).adopt_all()
    before = host.peer.memory("RssAnon")
    failed = host.activate("1")
    assert failed.status == 1 and "status 4" in failed.stderr
    assert len(failed.stderr) < 3000
    assert host.peer.memory("RssAnon") - before < 32 * MIB


def test_a_probe_that_says_no_brings_the_previous_version_back(host):
    probe = host.script("probe", "test $SHOAL_VERSION = 1")
    host.start(activation_probe=str(probe), activation_probe_deadline=2).adopt_all()
    assert host.activate("1").status == 0
    failed = host.activate("2")
    assert failed.status == 1
    assert "the probe did not say yes in time" in failed.stderr
    assert host.current == "1"
    assert host.stage("2") == "sealed"


BLOCK = "test -e {gate} || sleep 1000"


@pytest.mark.parametrize("place", ["before", "after", "probe"])
def test_a_peer_killed_amid_an_activation_goes_on_with_it(host, place):
    gate = host.directory / "gate"
    gate.touch()
    scripts = {name: host.script(name, "") for name in ["before", "after", "probe"]}
    scripts[place] = host.script(place, BLOCK.format(gate=gate))
    settings = {f"activation_{name}": str(path) for name, path in scripts.items()}
    settings["activation_probe_timeout"] = 600
    host.start(**settings).adopt_all()
    assert host.activate("1").status == 0
    gate.unlink()
    waiting = host.shoal.start("activate", f"{NAME}@2", "--api", host.api)
    expected = "-2" if place == "probe" else "1-2"
    eventually(lambda: host.calls[-1:] == [(place, expected)], SECONDS, f"{place} runs")
    assert host.current == ("1" if place == "before" else "2")
    hook = host.pid_of_last_call()
    host.peer.kill()
    waiting.wait(SECONDS)
    assert host.current == ("1" if place == "before" else "2")
    count = len(host.calls)
    gate.touch()
    host.start(**settings)
    eventually(lambda: host.serves("2"), SECONDS, "version 2 serves after the restart")
    # The hook that was cut short is done again; the ones before it are not.
    assert host.calls[count][0] == place
    if place != "probe":
        eventually(lambda: ends(hook), SECONDS, "the hook of the old process has ended")


def test_a_hook_of_a_killed_peer_never_runs_beside_that_of_the_next(host):
    busy = host.directory / "busy"
    clash = host.directory / "clash"
    script = f"mkdir {busy} || touch {clash}; sleep 1000"
    after = host.script("after", script)
    host.start(activation_after=str(after), activation_timeout=600).adopt_all()
    host.shoal.start("activate", f"{NAME}@1", "--api", host.api)
    eventually(lambda: len(host.calls) == 1, SECONDS, "the hook runs")
    first = host.pid_of_last_call()
    host.peer.kill()
    # The hook would notice another: it is alive until the next peer ends it.
    assert not ends(first)
    after.write_text(
        f"#!/bin/sh\ntest -d /proc/{first} && grep -qv ' Z ' /proc/{first}/stat && touch {clash}\n"
        f"echo after again $$ >> {host.log}\n"
    )
    host.start(activation_after=str(after), activation_timeout=600)
    eventually(lambda: host.serves("1"), SECONDS, "version 1 serves")
    assert ends(first)
    assert not clash.exists()


def test_a_peer_that_is_stopped_amid_a_hook_ends_in_time_and_goes_on_later(host):
    gate = host.directory / "gate"
    after = host.script("after", BLOCK.format(gate=gate))
    host.start(activation_after=str(after)).adopt_all()
    host.shoal.start("activate", f"{NAME}@1", "--api", host.api)
    eventually(lambda: len(host.calls) == 1, SECONDS, "the hook runs")
    hook = host.pid_of_last_call()
    host.peer.stop(seconds=10)
    assert ends(hook)
    gate.touch()
    host.start(activation_after=str(after))
    eventually(lambda: host.serves("1"), SECONDS, "version 1 serves")
    assert host.report().get("failure") is None


def test_a_server_keeps_its_mapped_file_over_switch_and_removal(host):
    import mmap

    host.start().adopt_all()
    assert host.activate("1").status == 0
    path = host.data / "models" / NAME / "current" / "model.safetensors"
    expected = (host.sources["1"] / "model.safetensors").read_bytes()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert host.activate("2").status == 0
        refused = host.run("remove", f"{NAME}@2")
        assert refused.status == 1 and "serves" in refused.stderr
        removed = host.run("remove", f"{NAME}@1")
        assert removed.status == 0, removed.describe()
        assert mapped[:] == expected


@pytest.fixture
def fleet():
    tracker = FleetTracker()
    yield tracker
    tracker.close()


def test_a_host_does_what_its_tracker_says_and_keeps_it_without_one(host, fleet):
    hold = [("2", host.hashes["2"]), ("1", host.hashes["1"])]
    tracker = ("--tracker", fleet.url, "--host-name", "h1", "--label", "pool=a")
    host.start(*tracker).adopt_all()
    fleet.wish(NAME, hold, "1", step=1)
    fleet.report(lambda m: m.get("active") == "1", SECONDS, "version 1 serves")
    host.peer.kill()
    fleet.wish(NAME, hold, "2", step=2)
    host.start(*tracker)
    report = fleet.report(lambda m: m.get("active") == "2", SECONDS, "version 2 serves")
    assert report["host"] == "h1" and report["labels"] == {"pool": "a"}
    assert report["models"][0]["fence"] == {"epoch": 1, "step": 2}
    fleet.close()
    host.peer.kill()
    host.start(*tracker)
    eventually(lambda: host.serves("2"), SECONDS, "version 2 serves without a tracker")


def test_a_wanted_version_is_fetched_sealed_and_activated(host, fleet, shoal, tmp_path):
    real = shoal.tracker()
    for version in ["1", "2"]:
        shoal.seed(
            host.sources[version], *PIECES, "--tracker", real.url, name=NAME, version=version
        )
    host.start("--tracker", fleet.url, "--tracker", real.url, "--host-name", "h1")
    hold = [("2", host.hashes["2"]), ("1", host.hashes["1"])]
    fleet.wish(NAME, hold, "2", step=1)
    fleet.report(lambda m: m.get("active") == "2", 50, "version 2 was fetched and serves")
    assert_same(host.sources["2"], host.data / "models" / NAME / "current")
    fleet.report(
        lambda m: sorted(v["stage"] for v in m["versions"]) == ["active", "sealed"],
        50, "version 1 is held for a rollback",
    )


def test_other_content_under_a_wanted_name_is_not_activated(host, fleet):
    host.start("--tracker", fleet.url, "--host-name", "h1").adopt_all()
    fleet.wish(NAME, [("2", host.hashes["1"])], "2", step=1)
    report = fleet.report(
        lambda m: any(v["stage"] == "failed" for v in m["versions"]), SECONDS, "a refusal"
    )
    assert "active" not in report["models"][0] or report["models"][0]["active"] is None
    assert host.current is None


def test_adopting_takes_what_matches_through_links_and_names_what_does_not(host, tmp_path):
    host.start()
    cache = tmp_path / "cache"
    (cache / "blobs").mkdir(parents=True)
    snapshot = cache / "snapshots" / "main"
    snapshot.mkdir(parents=True)
    for number, file in enumerate(sorted(host.sources["1"].rglob("*.*"))):
        if not file.is_file():
            continue
        blob = cache / "blobs" / str(number)
        blob.write_bytes(file.read_bytes())
        link = snapshot / file.relative_to(host.sources["1"])
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (snapshot / "config.json").unlink()
    (snapshot / "tokenizer.json").unlink()
    (snapshot / "tokenizer.json").write_text("short")
    answer = host.run("adopt", snapshot, f"{NAME}@1", "--torrent", host.torrents["1"], "--json")
    assert answer.status == 0, answer.describe()
    report = last_object(answer.stdout)
    problems = {problem["path"]: problem["reason"] for problem in report["problems"]}
    assert sorted(problems) == ["config.json", "tokenizer.json"]
    assert problems["config.json"] == "is missing"
    big = (host.sources["1"] / "model.safetensors").stat().st_size
    assert report["adoptedBytes"] >= big
    assert host.status()["versions"][0]["verifiedBytes"] == report["adoptedBytes"]
    # The cache may go or change: nothing here is linked to it.
    for blob in (cache / "blobs").iterdir():
        blob.write_bytes(b"other")
    assert host.adopt("1")["problems"] == []
    assert_same(host.sources["1"], host.data / "models" / NAME / "1")


def test_the_disk_budget_is_asked_first_and_what_nothing_keeps_makes_room(host):
    host.start(disk_budget=int(2.5 * MIB)).adopt_all()
    big = model(host.directory / "source-3", 2 * MIB, seed=3)
    torrent = host.directory / "3.torrent"
    host.shoal.publish(big, torrent, name=NAME, version="3")
    host.sources["3"], host.torrents["3"] = big, torrent
    assert host.activate("1").status == 0
    refused = host.run("adopt", big, f"{NAME}@3", "--torrent", torrent)
    assert refused.status == 1
    assert "budget" in refused.stderr and f"{NAME}@2" in refused.stderr
    assert host.stage("2") == "sealed"
    assert host.activate("2").status == 0
    # Version 1 is what a rollback goes to.
    small = model(host.directory / "source-4", MIB // 4, seed=4)
    host.sources["4"], host.torrents["4"] = small, host.directory / "4.torrent"
    host.shoal.publish(small, host.torrents["4"], name=NAME, version="4")
    host.adopt("4")
    medium = model(host.directory / "source-5", MIB // 3, seed=5)
    host.sources["5"], host.torrents["5"] = medium, host.directory / "5.torrent"
    host.shoal.publish(medium, host.torrents["5"], name=NAME, version="5")
    host.adopt("5")
    assert host.stage("4") is None
    assert host.current == "2" and host.stage("1") == "sealed"
    pinned = host.run("pin", f"{NAME}@5", "--json")
    assert last_object(pinned.stdout)["pinned"] == [f"{NAME}@5"]
    assert host.run("adopt", small, f"{NAME}@4", "--torrent", host.torrents["4"]).status == 1
    assert host.run("unpin", f"{NAME}@5").status == 0
    host.adopt("4")
    assert host.stage("5") is None


def test_rot_in_the_version_that_serves_is_found_hidden_and_repaired_from_another_host(
    host, shoal
):
    after = host.script("after", "")
    host.start(scrub_rate=0, activation_after=str(after)).adopt_all()
    assert host.activate("1").status == 0
    host.peer.stop()
    path = host.data / "models" / NAME / "1" / "model.safetensors"
    path.chmod(0o640)
    with path.open("r+b") as file:
        file.seek(300_000)
        byte = file.read(1)[0]
        file.seek(300_000)
        file.write(bytes([byte ^ 1]))
    path.chmod(0o440)
    tracker = shoal.tracker()
    host.start(
        "--no-fleet", "--tracker", tracker.url, scrub_rate="1GiB", activation_after=str(after)
    )
    eventually(lambda: host.current is None, SECONDS, "the damaged version is out of use")
    assert not path.exists()
    eventually(lambda: host.stage("1") == "fetching", SECONDS, "the damage is known")
    assert host.stage("2") == "sealed"
    shoal.seed(
        host.sources["1"], *PIECES, "--tracker", tracker.url, name=NAME, version="1"
    )
    eventually(lambda: host.serves("1"), 50, "version 1 serves again")
    assert_same(host.sources["1"], host.data / "models" / NAME / "current")
    # The server is told, since it may have loaded the wrong byte.
    eventually(lambda: host.calls[-1] == ("after", "-1"), SECONDS, "the hook ran")
    version = next(v for v in host.status()["versions"] if v["version"] == "1")
    assert version["receivedBytes"] < MIB, "what was right was kept"


def test_what_verify_finds_is_repaired_too(host, shoal):
    host.start(scrub_rate=0).adopt_all()
    assert host.activate("1").status == 0
    path = host.data / "models" / NAME / "1" / "model.safetensors"
    path.chmod(0o640)
    with path.open("r+b") as file:
        file.write(b"rot")
    sound = host.run("verify", f"{NAME}@2")
    assert sound.status == 0, sound.describe()
    rotten = host.run("verify", f"{NAME}@1")
    assert rotten.status == 3, rotten.describe()
    eventually(lambda: host.current is None, SECONDS, "the damaged version is out of use")
    assert host.adopt("1")["problems"] == []
    eventually(lambda: host.serves("1"), SECONDS, "version 1 serves again")
