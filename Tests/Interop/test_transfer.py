"""Whole models between shoal and libtorrent, in both directions, in the ways that each is used."""

import bencode
import pytest

from libtorrent_client import DEFAULT, PLAIN, create
from models import MIB, assert_same, model, write_random, write_sparse
from shoal import received
from wire import Torrent

KIB = 1 << 10


def seed_with_torrent(shoal, source, torrent, *arguments):
    return shoal.seed(source, "--output", torrent, *arguments)


def without_layers(torrent, stripped):
    """The same version without its piece layers: the info-hash does not cover them."""
    top = bencode.decode(torrent.read_bytes())
    assert top[b"piece layers"], "no file is longer than a piece: the test would show nothing"
    top[b"piece layers"] = {}
    stripped.write_bytes(bencode.encode(top))
    assert Torrent.load(stripped).info_hash == Torrent.load(torrent).info_hash
    return stripped


# With pieces of 16 KiB the piece layer is the leaves. 512 hashes are one request; 513 and 1025 are
# where two libtorrents misunderstand each other.
LAYERS = pytest.mark.parametrize(
    "pieces, piece_length",
    [(3, 16 * KIB), (512, 16 * KIB), (513, 16 * KIB), (1025, 16 * KIB), (513, 64 * KIB)],
)


def layered(directory, pieces, piece_length):
    """A model of one file with that many pieces. libtorrent would call a directory with nothing else
    in it by the file's name, so there is a second file."""
    source = directory / "layers"
    write_sparse(source / "weights.bin", pieces * piece_length, seed=pieces)
    (source / "config.json").write_text("{}")
    return source


# shoal seeds


@pytest.mark.parametrize("settings", [PLAIN, DEFAULT], ids=["plain", "default"])
def test_libtorrent_fetches_from_shoal(shoal, client, small_model, tmp_path, settings):
    torrent = tmp_path / "model.torrent"
    seed = seed_with_torrent(shoal, small_model, torrent)
    leech = client(settings)
    handle = leech.add(torrent, tmp_path / "copy", peers=[seed.endpoint])
    leech.finish(handle, 40)
    assert_same(small_model, tmp_path / "copy" / small_model.name)


def test_libtorrent_fetches_metadata_and_files_from_shoal(shoal, client, small_model, tmp_path):
    torrent = tmp_path / "model.torrent"
    seed = seed_with_torrent(shoal, small_model, torrent)
    leech = client()
    handle = leech.add(Torrent.load(torrent).magnet, tmp_path / "copy", peers=[seed.endpoint])
    leech.finish(handle, 40)
    assert_same(small_model, tmp_path / "copy" / small_model.name)


@pytest.mark.limit(120)
@LAYERS
def test_libtorrent_fetches_piece_layers_from_shoal(
    shoal, client, tmp_path, pieces, piece_length
):
    source = layered(tmp_path, pieces, piece_length)
    torrent = tmp_path / "whole.torrent"
    seed = seed_with_torrent(shoal, source, torrent, "--piece-length", str(piece_length))
    leech = client()
    bare = without_layers(torrent, tmp_path / "bare.torrent")
    handle = leech.add(bare, tmp_path / "copy", peers=[seed.endpoint])
    leech.finish(handle, 90)
    assert_same(source, tmp_path / "copy" / "layers")


def test_libtorrent_fetches_files_with_the_same_bytes(shoal, client, tmp_path):
    source = tmp_path / "twins"
    for name in ["one.bin", "sub/two.bin", "three.bin"]:
        write_random(source / name, 300_000, seed=1)
    (source / "empty.bin").touch()
    torrent = tmp_path / "twins.torrent"
    seed = seed_with_torrent(shoal, source, torrent, "--piece-length", str(16 * KIB))
    leech = client()
    handle = leech.add(torrent, tmp_path / "copy", peers=[seed.endpoint])
    leech.finish(handle, 40)
    assert_same(source, tmp_path / "copy" / "twins")


# shoal pulls


@pytest.mark.parametrize("kind", ["checked", "seed_mode", "resumed", "default"])
def test_shoal_fetches_from_libtorrent(shoal, client, small_model, tmp_path, kind):
    torrent = create(small_model, 64 * KIB, tmp_path / "model.torrent")
    seed = client(DEFAULT if kind == "default" else PLAIN)
    if kind == "resumed":
        first = client()
        data = first.resume_data(first.seed(torrent, tmp_path))
        first.close()
        seed.resume(data)
    else:
        seed.seed(torrent, tmp_path, seed_mode=kind == "seed_mode")
    report = shoal.pull(torrent, peers=[seed.endpoint], seconds=30)
    assert_same(small_model, report["path"])
    total = sum(path.stat().st_size for path in small_model.rglob("*") if path.is_file())
    assert report["bytes"] == total
    assert report["infoHash"] == Torrent.load(torrent).info_hash.hex()
    assert received(report) == total + report["duplicateBytes"]
    assert report["resumedBytes"] == 0


def test_shoal_fetches_metadata_and_files_from_libtorrent(shoal, client, small_model, tmp_path):
    torrent = create(small_model, 64 * KIB, tmp_path / "model.torrent")
    seed = client()
    seed.seed(torrent, tmp_path)
    magnet = Torrent.load(torrent).magnet
    report = shoal.pull(magnet, peers=[seed.endpoint], seconds=30)
    assert_same(small_model, report["path"])


@pytest.mark.limit(120)
@LAYERS
@pytest.mark.parametrize("seed_mode", [False, True], ids=["checked", "seed_mode"])
def test_shoal_fetches_piece_layers_from_libtorrent(
    shoal, client, tmp_path, pieces, piece_length, seed_mode
):
    source = layered(tmp_path, pieces, piece_length)
    torrent = create(source, piece_length, tmp_path / "whole.torrent")
    seed = client()
    seed.seed(torrent, tmp_path, seed_mode=seed_mode)
    bare = without_layers(torrent, tmp_path / "bare.torrent")
    report = shoal.pull(bare, peers=[seed.endpoint], seconds=30)
    assert_same(source, report["path"])


def test_shoal_fetches_files_with_the_same_bytes(shoal, client, tmp_path):
    source = tmp_path / "twins"
    for name in ["one.bin", "sub/two.bin", "three.bin"]:
        write_random(source / name, 300_000, seed=1)
    (source / "empty.bin").touch()
    torrent = create(source, 16 * KIB, tmp_path / "twins.torrent")
    seed = client()
    seed.seed(torrent, tmp_path)
    report = shoal.pull(torrent, peers=[seed.endpoint])
    assert_same(source, report["path"])


@pytest.mark.limit(180)
def test_shoal_fetches_a_large_model_in_small_blocks(shoal, client, tmp_path):
    source = model(tmp_path / "large", 256 * MIB)
    torrent = create(source, 1024 * KIB, tmp_path / "large.torrent")
    seed = client()
    seed.seed(torrent, tmp_path)
    report = shoal.pull(torrent, peers=[seed.endpoint], seconds=120)
    assert_same(source, report["path"])
    assert report["duplicateBytes"] <= report["bytes"] * 0.02


# Both at once


@pytest.mark.limit(120)
def test_a_mixed_swarm_finishes_from_one_seed(shoal, client, tmp_path):
    source = model(tmp_path / "mixed", 32 * MIB)
    torrent = tmp_path / "mixed.torrent"
    tracker = shoal.tracker("--interval", "2")
    seed_with_torrent(
        shoal, source, torrent, "--tracker", tracker.url, "--piece-length", str(256 * KIB)
    )
    leeches = [client() for _ in range(3)]
    handles = [
        leech.add(torrent, tmp_path / f"copy{number}", trackers=[tracker.announce_url])
        for number, leech in enumerate(leeches)
    ]
    pulls = [shoal.start_pull(torrent, "--tracker", tracker.url) for _ in range(3)]
    for pull in pulls:
        assert_same(source, shoal.finish(pull, 60)["path"])
    for number, (leech, handle) in enumerate(zip(leeches, handles, strict=True)):
        leech.finish(handle, 60)
        assert_same(source, tmp_path / f"copy{number}" / "mixed")


def test_shoal_finds_a_libtorrent_seed_through_the_tracker(shoal, client, small_model, tmp_path):
    torrent = create(small_model, 64 * KIB, tmp_path / "model.torrent")
    tracker = shoal.tracker("--interval", "2")
    seed = client()
    seed.seed(torrent, tmp_path, trackers=[tracker.announce_url])
    seed.await_alert("tracker_reply_alert", 15)
    report = shoal.pull(torrent, "--tracker", tracker.url, seconds=30)
    assert_same(small_model, report["path"])


def test_libtorrent_finds_a_shoal_seed_through_the_tracker(shoal, client, small_model, tmp_path):
    tracker = shoal.tracker("--interval", "2")
    torrent = tmp_path / "model.torrent"
    seed_with_torrent(shoal, small_model, torrent, "--tracker", tracker.url)
    leech = client()
    # The announce URL is that of the torrent.
    handle = leech.add(torrent, tmp_path / "copy")
    leech.finish(handle, 40)
    assert_same(small_model, tmp_path / "copy" / small_model.name)


def test_a_version_is_found_by_its_name(shoal, small_model, tmp_path):
    tracker = shoal.tracker()
    shoal.seed(small_model, "--tracker", tracker.url, name="org/model", version="2.0")
    report = shoal.pull("org/model@2.0", "--tracker", tracker.url)
    assert (report["name"], report["version"]) == ("org/model", "2.0")
    assert_same(small_model, report["path"])
