"""Disks that are full, closed to us, in use, or not what the journal says; ports that are taken."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import pytest

from models import MIB, assert_same, flip_bytes, model, write_random
from obedient_hosts import call
from processes import endpoint_text, eventually
from shoal import endpoint
from wire import Seed

NOBODY = 65534


@pytest.fixture
def small_disk(tmp_path):
    """Makes a file system of a given size."""
    mounted = []

    def make(size):
        directory = tmp_path / f"disk{len(mounted)}"
        directory.mkdir()
        options = f"size={size},mode=0777"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"cannot mount a tmpfs here: {done.stderr.strip()}")
        mounted.append(directory)
        return directory

    yield make
    for directory in mounted:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def assert_says(process, *words):
    """The message is on standard error, and holds one of the words."""
    assert process.status not in (0, None), process.describe()
    assert process.status > 0, f"ended by a signal\n{process.describe()}"
    assert any(word.lower() in process.stderr.lower() for word in words), process.describe()


def test_a_model_that_does_not_fit_is_refused(shoal, published, small_disk):
    source, path, torrent = published(64 * MIB)
    disk = small_disk(48 * MIB)
    with Seed(torrent, source) as seed:
        pull = shoal.start_pull(path, data=disk / "data", to=disk / "view", peers=[seed.endpoint])
        pull.wait(30)
    assert_says(pull, "free some")
    assert str(disk) in pull.stderr


def test_a_tracker_whose_disk_is_full_does_nothing_that_it_cannot_write_down(shoal, small_disk):
    disk = small_disk(MIB)
    at = endpoint()
    tracker = shoal.start("tracker", "--listen", endpoint_text(at), "--data", disk / "data")
    tracker.wait_for_output("listening on", 20)
    url = f"http://{endpoint_text(at)}"

    def put(name, **options):
        return shoal.run(
            "channel", "set", name, "--model", f"acme/{name}", "--tracker", url, **options
        )

    assert put("before").status == 0
    fill(disk / "filler")
    refused = put("during")
    assert_says(refused, "the disk is full; make room on it")
    assert str(disk / "data/catalog.sqlite") in refused.stderr
    status, answer = call(f"{url}/readyz")
    assert status == 503 and "the disk is full" in answer["error"]["message"]
    tracker.wait_for_output("the fleet stands still", 10)
    # Another one does not start on it, and says why.
    other = shoal.run(
        "tracker", "--listen", endpoint_text(endpoint()), "--data", disk / "other"
    )
    assert_says(other, "the disk is full", "no space")

    (disk / "filler").unlink()
    tracker.wait_for_output("the fleet can be moved again", 10)
    assert put("after").status == 0
    status, answer = call(f"{url}/api/v1/channels")
    assert [view["channel"]["name"] for view in answer["channels"]] == ["after", "before"]
    assert call(f"{url}/readyz")[0] == 200
    assert call(f"{url}/api/v1/audit/check")[1]["ok"]


@pytest.mark.limit(150)
def test_a_disk_that_fills_up_is_survived(shoal, published, small_disk):
    source, path, torrent = published(48 * MIB)
    disk = small_disk(192 * MIB)
    filler = disk / "filler"
    with Seed(torrent, source, bytes_per_second=8 * MIB) as seed:
        places = {"data": disk / "data", "to": disk / "view"}
        pull = shoal.start_pull(path, **places, peers=[seed.endpoint])
        eventually(lambda: len(seed.requests) > 500, 20, "the download is under way")
        fill(filler)
        pull.wait(60)
        assert_says(pull, "no space")
        filler.unlink()
        report = shoal.pull(path, **places, peers=[seed.endpoint])
        assert report["resumedBytes"] > 0
    assert_same(source, report["path"])


def test_direct_io_stores_the_same_bytes(shoal, published, tmp_path):
    source, path, torrent = published(64 * MIB + 12_345)
    with Seed(torrent, source) as seed:
        pull = shoal.start_pull(path, "--direct-io", peers=[seed.endpoint])
        report = shoal.finish(pull, 60)
    assert_same(source, report["path"])
    if "no direct I/O" in pull.stderr:
        pytest.skip("the file system of the tests has no direct I/O")


def test_direct_io_where_there_is_none_is_done_without(shoal, published, small_disk):
    source, path, torrent = published(8 * MIB)
    disk = small_disk(160 * MIB)
    with Seed(torrent, source) as seed:
        pull = shoal.start_pull(
            path, "--direct-io", data=disk / "data", to=disk / "view", peers=[seed.endpoint]
        )
        report = shoal.finish(pull, 60)
    assert_same(source, report["path"])
    assert f"'{disk / 'data'}' has no direct I/O" in pull.stderr


def test_a_lost_journal_costs_a_reading_and_no_download(shoal, published, tmp_path):
    source, path, torrent = published(48 * MIB)
    places = {"data": tmp_path / "data", "to": tmp_path / "view"}
    with Seed(torrent, source, bytes_per_second=16 * MIB) as seed:
        pull = shoal.start_pull(path, **places, peers=[seed.endpoint])
        eventually(lambda: len(seed.sessions[0]["whole"]) > 60 if seed.sessions else False, 30,
                   "sixty pieces have been sent")  # fmt: skip
        pull.kill()
        whole = len(seed.sessions[0]["whole"])
        (places["data"] / "journal").unlink()
        pull = shoal.start_pull(path, **places, peers=[seed.endpoint])
        report = shoal.finish(pull, 60)
    assert "the journal was lost" in pull.stderr
    # All but what was on its way: those that were sent last may not have been written.
    assert report["resumedBytes"] >= (whole - 40) * 256 * 1024
    assert_same(source, report["path"])


def fill(path):
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(MIB))
        except OSError:
            pass


@pytest.fixture
def as_nobody(shoal):
    """Runs commands without rights, with a copy of the binary that such a user can reach."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory(prefix="shoal-nobody-", dir="/tmp") as directory:
        os.chmod(directory, 0o755)
        binary = shutil.copy2(shoal.binary, pathlib.Path(directory, "shoal"))
        shoal.binary = binary

        def run(*arguments):
            return shoal.run(
                *arguments, seconds=20, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/"
            )

        try:
            runs = run("--help").status == 0
        except PermissionError:
            runs = False
        if not runs:
            pytest.skip("a user without rights cannot run the binary or load its libraries")
        yield run


@pytest.fixture
def open_place():
    """A directory that everybody may enter."""
    with tempfile.TemporaryDirectory(prefix="shoal-open-", dir="/tmp") as directory:
        os.chmod(directory, 0o777)
        yield pathlib.Path(directory)


def test_a_data_directory_that_may_not_be_written(shoal, as_nobody, open_place):
    locked = open_place / "locked"
    locked.mkdir(mode=0o755)
    source = model(open_place / "model", 100_000)
    torrent = open_place / "model.torrent"
    assert as_nobody(
        "publish", source, "--name", "org/model", "--version", "1", "--output", torrent
    ).status == 0  # fmt: skip
    at = endpoint_text(endpoint())
    pull = as_nobody(
        "pull", torrent, "--data", locked / "data", "--to", open_place / "view", "--listen", at,
        "--peer", "127.0.0.1:1",
    )  # fmt: skip
    assert_says(pull, "permission")
    assert str(locked) in pull.stderr
    peer = as_nobody("peer", "--data", locked / "data", "--listen", at)
    assert_says(peer, "permission")
    tracker = as_nobody("tracker", "--data", locked / "data", "--listen", at)
    assert_says(tracker, "permission")


def test_a_model_that_may_not_be_read(shoal, as_nobody, open_place):
    source = model(open_place / "model", 100_000)
    (source / "model.safetensors").chmod(0o600)
    publish = as_nobody(
        "publish", source, "--name", "org/model", "--version", "1",
        "--output", open_place / "t.torrent",
    )  # fmt: skip
    assert_says(publish, "permission")
    assert "model.safetensors" in publish.stderr
    assert not (open_place / "t.torrent").exists()


@pytest.mark.parametrize("command", ["tracker", "peer", "seed", "pull"])
def test_a_port_in_use(shoal, published, tmp_path, command):
    source, path, _ = published(MIB)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = taken.getsockname()
        listen = ["--listen", endpoint_text(at), "--data", tmp_path / "data"]
        arguments = {
            "tracker": ["tracker"],
            "peer": ["peer", "--api", endpoint_text(endpoint())],
            "seed": ["publish", source, "--name", "org/model", "--version", "1", "--seed"],
            "pull": ["pull", path, "--to", tmp_path / "view", "--peer", "127.0.0.1:1"],
        }[command]
        process = shoal.run(*arguments, *listen, seconds=15)
    assert_says(process, "listens there")
    assert str(at[1]) in process.stderr


def test_a_data_directory_in_use(shoal, published, tmp_path):
    source, path, torrent = published(64 * MIB)
    data = tmp_path / "data"
    with Seed(torrent, source, bytes_per_second=4 * MIB) as seed:
        first = shoal.start_pull(path, data=data, peers=[seed.endpoint])
        eventually(lambda: seed.requests, 20, "the first pull is under way")
        second = shoal.start_pull(path, data=data, peers=[seed.endpoint])
        second.wait(15)
        assert_says(second, "use", "lock")
        assert str(data) in second.stderr
        assert first.status is None


@pytest.fixture
def half_way(shoal, published, tmp_path):
    """A data directory with a part of a download, and how to finish it."""
    source, path, torrent = published(32 * MIB)
    data = tmp_path / "data"
    with Seed(torrent, source, bytes_per_second=16 * MIB) as seed:
        pull = shoal.start_pull(path, data=data, peers=[seed.endpoint])
        eventually(lambda: len(seed.requests) > 1000, 20, "half of it is here")
        pull.stop()
    seed = Seed(torrent, source)

    def finish():
        report = shoal.pull(path, data=data, peers=[seed.endpoint])
        assert_same(source, report["path"])
        return report

    yield data, finish
    seed.close()


def test_a_journal_with_a_torn_end(half_way):
    data, finish = half_way
    journal = data / "journal"
    os.truncate(journal, journal.stat().st_size - 5)
    assert finish()["duplicateBytes"] == 0


def test_a_journal_with_bytes_behind_its_end(half_way):
    data, finish = half_way
    with (data / "journal").open("ab") as file:
        file.write(os.urandom(1000))
    assert finish()["resumedBytes"] > 0


def test_a_journal_of_garbage(half_way):
    data, finish = half_way
    write_random(data / "journal", (data / "journal").stat().st_size, 1)
    finish()


def test_a_journal_that_is_gone(half_way):
    data, finish = half_way
    (data / "journal").unlink()
    finish()


def test_partial_files_that_changed_under_the_journal(half_way):
    data, finish = half_way
    changed = [path for path in (data / "partial").iterdir() if path.stat().st_size > MIB]
    assert changed
    for path in changed:
        flip_bytes(path)
    finish()


def test_partial_files_that_are_gone(half_way):
    data, finish = half_way
    for path in (data / "partial").iterdir():
        path.unlink()
    finish()


def test_damage_of_a_complete_version_is_found(shoal, published, tmp_path):
    source, path, torrent = published(4 * MIB)
    data = tmp_path / "data"
    with Seed(torrent, source) as seed:
        shoal.pull(path, data=data, to=tmp_path / "view", peers=[seed.endpoint])
        shoal.succeed("verify", "org/model@1", "--data", data)
        for blob in (data / "blobs").iterdir():
            blob.chmod(0o640)
            if blob.stat().st_size > MIB:
                flip_bytes(blob, every=3 * MIB)
        verify = shoal.run("verify", "org/model@1", "--data", data)
        assert verify.status == 3, verify.describe()
        assert "model.safetensors" in verify.output
        shoal.succeed("remove", "org/model@1", "--data", data)
        report = shoal.pull(path, data=data, to=tmp_path / "again", peers=[seed.endpoint])
    assert_same(source, report["path"])
