"""Publishing from a build cluster: parts from several nodes, and copies before the publisher goes."""

import json
import shutil
import signal

import pytest

from models import MIB, assert_same, model, write_random
from processes import endpoint_text, eventually
from shoal import endpoint, last_object

PATIENCE_SECONDS = 40
NAME = "acme/llama"
SHARDS = 4


@pytest.fixture
def build(shoal, tmp_path):
    """A tracker, and a version in shards on two nodes, and whole for comparison."""
    return Build(shoal, tmp_path)


class Build:
    def __init__(self, shoal, tmp_path):
        self.shoal = shoal
        self.at = endpoint()
        self.start_tracker()
        self.whole = tmp_path / "whole"
        self.whole.mkdir()
        weights = {}
        for number in range(SHARDS):
            name = f"model-{number + 1:05}-of-{SHARDS:05}.safetensors"
            write_random(self.whole / name, 3 * MIB + 4321 * number, seed=number + 1)
            weights[f"layer.{number}"] = name
        index = {"metadata": {}, "weight_map": weights}
        (self.whole / "model.safetensors.index.json").write_text(json.dumps(index))
        (self.whole / "config.json").write_text('{"hidden_size": 384}\n')
        self.shards = sorted(weights.values())
        self.nodes = [tmp_path / "node-1", tmp_path / "node-2"]
        others = ["config.json", "model.safetensors.index.json"]
        self.fill(self.nodes[0], self.shards[:2] + others)
        # The configuration lies on both, as it does where each node writes all of it.
        self.fill(self.nodes[1], self.shards[2:] + ["config.json"])

    def fill(self, node, names):
        node.mkdir()
        for name in names:
            shutil.copy(self.whole / name, node / name)

    def start_tracker(self):
        self.tracker = self.shoal.tracker("--interval", "1", at=self.at)

    def arguments(self, node, part, *arguments, version="2"):
        return (
            "publish", node, "--name", NAME, "--version", version, "--part", part,
            "--tracker", self.tracker.url, "--json", *arguments,
        )

    def part(self, number, *arguments, status=0, **options):
        """Publishes a part and ends; the report."""
        process = self.shoal.run(
            *self.arguments(self.nodes[number - 1], f"{number}/2", *arguments, **options)
        )
        assert process.status == status, process.describe()
        return last_object(process.stdout) if status == 0 else process

    def seed(self, number):
        """Publishes a part and stays."""
        at = endpoint()
        return self.shoal.start(
            *self.arguments(self.nodes[number - 1], f"{number}/2"), "--seed",
            "--listen", endpoint_text(at), name=f"part-{number}",
        )

    def pull(self, **options):
        return self.shoal.pull(f"{NAME}@2", "--tracker", self.tracker.url, **options)

    def operator(self, *arguments, json=True):
        """What a command of an operator prints."""
        form = ("--json",) if json else ()
        return self.shoal.succeed(*arguments, "--tracker", self.tracker.url, *form).stdout

    def info_hash_of_whole(self):
        published = self.shoal.succeed(
            "publish", self.whole, "--name", NAME, "--version", "whole",
            "--tracker", self.tracker.url, "--json",
        )
        return last_object(published.stdout)["infoHash"]


def test_parts_of_two_nodes_are_one_version_and_one_swarm(build, tmp_path):
    first = build.seed(1)
    first.wait_for_output("waiting for acme/llama@2: part 2/2", PATIENCE_SECONDS)
    second = build.seed(2)
    for node in (first, second):
        node.wait_for_output("seeding", PATIENCE_SECONDS)
    to = tmp_path / "pulled"
    report = build.pull(to=to)
    assert_same(build.whole, to)
    # It is what one node that has all the files would have published.
    assert report["infoHash"] == build.info_hash_of_whole()
    assert report["duplicateBytes"] == 0
    # The bytes of both are needed: with one of them gone nobody else can complete.
    second.stop()
    lone = build.shoal.run(
        "pull", f"{NAME}@2", "--tracker", build.tracker.url, "--to", tmp_path / "lone",
        "--data", tmp_path / "lone-data", "--timeout", "4",
    )
    assert lone.status != 0
    assert f"of '{build.shards[2]}'" in lone.output
    assert first.stop() < 2


def test_a_missing_part_and_its_files_are_named_everywhere(build):
    report = build.part(1)
    assert report["missingParts"] == [2]
    assert report["missingFiles"] == build.shards[2:]
    assert "infoHash" not in report
    pull = build.shoal.run("pull", f"{NAME}@2", "--tracker", build.tracker.url)
    assert pull.status == 4
    assert "part 2/2, with the files " + ", ".join(build.shards[2:]) in pull.stderr
    process = build.shoal.run(
        *build.arguments(build.nodes[0], "1/2", "--seed", "--deadline", "0.5")
    )
    assert process.status == 8, process.describe()
    assert f"part 2/2, with the files {build.shards[2]}" in process.stderr


def test_a_file_that_an_index_names_and_no_part_has_is_named(build):
    lost = build.shards[-1]
    (build.nodes[1] / lost).unlink()
    build.part(1)
    process = build.part(2, status=4)
    assert f"none has the file {lost}" in process.stderr
    shutil.copy(build.whole / lost, build.nodes[1] / lost)
    assert "other files" in build.part(2, status=5).stderr
    assert build.part(2, "--replace-part")["infoHash"] == build.info_hash_of_whole()


def test_the_same_part_again_is_no_work_and_another_is_refused(build):
    assert build.part(1)["trackers"][0]["isNew"] is True
    assert build.part(1)["trackers"][0]["isNew"] is False
    whole = build.part(2)
    assert whole["missingParts"] == []
    for number in (1, 2):
        again = build.part(number)
        assert again["infoHash"] == whole["infoHash"]
        assert again["trackers"][0]["isNew"] is False
    write_random(build.nodes[0] / build.shards[0], MIB, seed=99)
    refused = build.part(1, status=5)
    assert build.shards[0] in refused.stderr
    # Not even by force: what is whole never changes.
    assert build.part(1, "--replace-part", status=5)


def test_parts_that_contradict_each_other_are_refused(build):
    build.part(1)
    (build.nodes[1] / "config.json").write_text('{"hidden_size": 385}\n')
    process = build.part(2, status=5)
    assert "'config.json' is not the same in parts 1 and 2" in process.stderr
    other = build.shoal.run(*build.arguments(build.nodes[1], "2/3"))
    assert other.status == 5
    assert "one of 3 parts, and the others are of 2" in other.stderr
    shutil.copy(build.whole / "config.json", build.nodes[1] / "config.json")
    assert build.part(2)["infoHash"] == build.info_hash_of_whole()


def test_a_tracker_killed_between_the_parts_forgets_none(build, tmp_path):
    first = build.seed(1)
    first.wait_for_output("waiting for acme/llama@2", PATIENCE_SECONDS)
    build.tracker.kill()
    first.wait_for_output("cannot reach", PATIENCE_SECONDS)
    build.start_tracker()
    second = build.seed(2)
    for node in (first, second):
        node.wait_for_output("seeding", PATIENCE_SECONDS)
    build.tracker.kill()
    build.start_tracker()
    to = tmp_path / "pulled"
    build.pull(to=to)
    assert_same(build.whole, to)


def peer(build):
    return build.shoal.peer("--tracker", build.tracker.url)


def fetch(build, daemon):
    """Returns when the daemon has all of it."""
    build.shoal.succeed("prefetch", f"{NAME}@2", "--api", daemon.api)


def test_until_copies_ends_when_the_fleet_has_them_and_loses_nothing(build, tmp_path):
    first, second = peer(build), peer(build)
    publisher = build.shoal.start(
        "publish", build.whole, "--name", NAME, "--version", "2", "--until-copies", "2",
        "--deadline", "60", "--tracker", build.tracker.url, "--json",
        "--listen", endpoint_text(endpoint()), name="ci",
    )
    publisher.wait_for_output("seeding", PATIENCE_SECONDS)
    fetch(build, first)
    assert publisher.status is None, "one copy is not two"
    fetch(build, second)
    assert publisher.wait(PATIENCE_SECONDS) == 0, publisher.describe()
    assert last_object(publisher.stdout)["copies"] >= 2
    shutil.move(build.whole, tmp_path / "gone")
    to = tmp_path / "pulled"
    build.pull(to=to)
    assert_same(tmp_path / "gone", to)


def test_nodes_with_parts_end_when_the_whole_has_copies(build, tmp_path):
    nodes = [
        build.shoal.start(
            *build.arguments(build.nodes[number - 1], f"{number}/2", "--until-copies", "1"),
            "--listen", endpoint_text(endpoint()), name=f"part-{number}",
        )
        for number in (1, 2)
    ]
    for node in nodes:
        node.wait_for_output("seeding", PATIENCE_SECONDS)
    fetch(build, peer(build))
    for node in nodes:
        assert node.wait(PATIENCE_SECONDS) == 0, node.describe()
    to = tmp_path / "pulled"
    build.pull(to=to)
    assert_same(build.whole, to)


def test_a_node_that_waits_for_other_parts_ends_on_a_signal(build):
    first = build.seed(1)
    first.wait_for_output("waiting for acme/llama@2", PATIENCE_SECONDS)
    first.signal(signal.SIGTERM)
    assert first.wait(5) == 6, first.describe()


def test_until_copies_says_what_is_short_when_its_time_is_up(build):
    process = build.shoal.run(
        "publish", build.whole, "--name", NAME, "--version", "2", "--until-copies", "2",
        "--deadline", "1", "--tracker", build.tracker.url,
        "--listen", endpoint_text(endpoint()),
    )
    assert process.status == 8, process.describe()
    assert "pieces have fewer than 2 copies" in process.stderr
    assert f"of '{build.shards[0]}'" in process.stderr


def test_two_publishers_are_no_copies_of_each_other(build):
    build.shoal.seed(
        build.whole, "--tracker", build.tracker.url, name=NAME, version="2"
    )
    process = build.shoal.run(
        "publish", build.whole, "--name", NAME, "--version", "2", "--until-copies", "1",
        "--deadline", "4", "--tracker", build.tracker.url,
        "--listen", endpoint_text(endpoint()),
    )
    assert process.status == 8, process.describe()


def test_until_copies_ends_on_a_signal_without_success(build):
    process = build.shoal.start(
        "publish", build.whole, "--name", NAME, "--version", "2", "--until-copies", "1",
        "--tracker", build.tracker.url, "--listen", endpoint_text(endpoint()), name="ci",
    )
    process.wait_for_output("seeding", PATIENCE_SECONDS)
    process.signal(signal.SIGTERM)
    assert process.wait(5) == 6, process.describe()


def test_publishing_again_is_no_work_and_other_bytes_are_refused(build):
    arguments = (
        "publish", build.whole, "--name", NAME, "--version", "2", "--tracker", build.tracker.url
    )
    build.shoal.succeed(*arguments)
    assert "was there already" in build.shoal.succeed(*arguments).stdout
    (build.whole / "config.json").write_text("{}\n")
    refused = build.shoal.run(*arguments)
    assert refused.status == 5
    assert "a version never changes" in refused.stderr


def test_a_whole_version_ends_the_wait_for_its_parts(build):
    build.part(1)
    whole = build.shoal.succeed(
        "publish", build.whole, "--name", NAME, "--version", "2",
        "--tracker", build.tracker.url, "--json",
    )
    assert build.part(2)["infoHash"] == last_object(whole.stdout)["infoHash"]


def test_named_seed_hosts_get_it_from_a_tracker_that_was_killed_and_keep_it(build, tmp_path):
    name = ("--host-name", "seed-1")
    data = tmp_path / "seed-1"
    arguments = (
        "publish", build.whole, "--name", NAME, "--version", "2", "--until-copies", "1",
        "--tracker", build.tracker.url, "--listen", endpoint_text(endpoint()),
    )
    unknown = build.shoal.run(*arguments, "--seed-host", "sead-1")
    assert unknown.status == 4
    assert "no host 'sead-1' has reported" in unknown.stderr
    host = build.shoal.peer("--tracker", build.tracker.url, *name, data=data)
    told = lambda: json.loads(build.operator("host", "list"))["hosts"]
    eventually(told, PATIENCE_SECONDS, "the tracker hears of the host")
    host.kill()
    arguments += ("--seed-host", "seed-1")
    short = build.shoal.run(*arguments, "--deadline", "0.5")
    assert short.status == 8, short.describe()
    assert "seed-1 was told to hold it" in short.stderr
    assert "seed-1 has nothing of it" in short.stderr
    publisher = build.shoal.start(*arguments, "--deadline", "60", name="ci")
    publisher.wait_for_output("seed-1 knows already", PATIENCE_SECONDS)
    build.tracker.kill()
    build.start_tracker()
    # Whoever comes back asks the new tracker, which knows what the old one was told.
    host = build.shoal.peer("--tracker", build.tracker.url, *name, data=data)
    assert publisher.wait(PATIENCE_SECONDS) == 0, publisher.describe()
    shutil.move(build.whole, tmp_path / "gone")
    to = tmp_path / "pulled"
    build.pull(to=to)
    assert_same(tmp_path / "gone", to)
    view = data / "models" / NAME
    eventually((view / "2").is_dir, PATIENCE_SECONDS, "the host has sealed it")
    assert not (view / "current").is_symlink()
    [held] = told()
    assert [hold["version"] for hold in held["holds"]] == ["2"]
    release = ("host", "release", f"{NAME}@2", "--host", "seed-1")
    assert "is released" in build.operator(*release, json=False)
    assert "was not told" in build.operator(*release, json=False)
    assert told()[0]["desired"] == []
    assert (view / "2").is_dir()
