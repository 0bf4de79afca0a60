"""The same files give the same .torrent in libtorrent and in shoal."""

import shutil

import libtorrent as lt
import pytest

from libtorrent_client import create
from models import model, write_random, write_sparse
from wire import Torrent

KIB = 1 << 10


def sizes(piece_length):
    """Around every boundary of the format: block, piece, and 512 hashes of a layer."""
    return [
        0, 1, 16383, 16384, 16385,
        piece_length - 1, piece_length, piece_length + 1, 3 * piece_length + 1,
        512 * piece_length, 512 * piece_length + 1, 513 * piece_length,
    ]  # fmt: skip


def assert_same_torrent(shoal, source, piece_length, tmp_path):
    theirs = Torrent.load(create(source, piece_length, tmp_path / "theirs.torrent"))
    ours_path = shoal.publish(
        source, tmp_path / "ours.torrent", "--piece-length", str(piece_length)
    )
    ours = Torrent.load(ours_path)
    assert ours.files == theirs.files
    assert ours.info_bytes == theirs.info_bytes
    assert ours.layers == theirs.layers
    # And libtorrent reads ours.
    parameters = lt.load_torrent_file(str(ours_path))
    assert parameters.ti.info_hashes().v2.to_bytes() == ours.info_hash


@pytest.mark.limit(180)
@pytest.mark.parametrize("piece_length", [16 * KIB, 64 * KIB, 1024 * KIB])
def test_files_of_every_size_around_a_boundary(shoal, tmp_path, piece_length):
    source = tmp_path / "sizes"
    for number, size in enumerate(sizes(piece_length)):
        write_sparse(source / f"{number:02}-{size}.bin", size, seed=number)
    assert_same_torrent(shoal, source, piece_length, tmp_path)
    # Half a gigabyte each, if not for the holes.
    shutil.rmtree(source)


def test_nested_folders(shoal, tmp_path):
    source = tmp_path / "nested"
    write_random(source / "a" / "b" / "c" / "deep.bin", 100_000, 1)
    # Sorted as bytes of each component: "a" the folder comes before "a-" and "a.bin".
    write_random(source / "a-" / "x.bin", 40_000, 2)
    write_random(source / "a.bin", 70_000, 3)
    write_random(source / "B" / "upper.bin", 5, 4)
    write_random(source / "z.bin", 17, 5)
    assert_same_torrent(shoal, source, 16 * KIB, tmp_path)


def test_names_beyond_ascii(shoal, tmp_path):
    source = tmp_path / "names"
    for number, name in enumerate(["größe.bin", "重み.bin", "poids été.bin", "a b+c%d.bin", "🐟"]):
        write_random(source / name, 20_000 + number, number)
    assert_same_torrent(shoal, source, 16 * KIB, tmp_path)


def test_files_with_the_same_bytes(shoal, tmp_path):
    source = tmp_path / "twins"
    for name in ["one.bin", "sub/two.bin", "three.bin"]:
        write_random(source / name, 200_000, seed=1)
    assert_same_torrent(shoal, source, 16 * KIB, tmp_path)


def test_an_executable_file(shoal, tmp_path):
    source = tmp_path / "tools"
    write_random(source / "run.sh", 50_000, 1).chmod(0o755)
    write_random(source / "weights.bin", 50_000, 2).chmod(0o644)
    assert_same_torrent(shoal, source, 16 * KIB, tmp_path)


def test_the_info_hash_does_not_depend_on_time_or_tracker(shoal, small_model, tmp_path):
    one = Torrent.load(shoal.publish(small_model, tmp_path / "one.torrent"))
    for path in small_model.rglob("*"):
        path.touch()
    two = Torrent.load(shoal.publish(small_model, tmp_path / "two.torrent"))
    assert one.info_bytes == two.info_bytes


@pytest.mark.parametrize("kind", ["hybrid", "v1_only", "empty", "not_bencoded", "truncated"])
def test_what_is_not_a_v2_torrent_is_refused(shoal, tmp_path, kind):
    source = model(tmp_path / "model", 300_000)
    torrent = tmp_path / "bad.torrent"
    if kind == "hybrid":
        create(source, 16 * KIB, torrent, 0)
        assert b"6:pieces" in torrent.read_bytes()
    elif kind == "v1_only":
        create(source, 16 * KIB, torrent, lt.create_torrent.v1_only)
    else:
        create(source, 16 * KIB, torrent)
        data = torrent.read_bytes()
        bad = {"empty": b"", "not_bencoded": b"<html>", "truncated": data[: len(data) // 2]}
        torrent.write_bytes(bad[kind])
    for command in (["inspect", torrent], ["pull", torrent, "--data", tmp_path / "data"]):
        process = shoal.run(*command, seconds=20)
        assert process.status > 0, process.describe()
        assert str(torrent) in process.stderr or "bad.torrent" in process.stderr


@pytest.mark.parametrize("piece_length", ["8192", "49152", "0", "-1", "many"])
def test_piece_lengths_that_the_format_forbids_are_refused(
    shoal, small_model, tmp_path, piece_length
):
    process = shoal.run(
        "publish", small_model, "--name", "org/model", "--version", "1",
        "--output", tmp_path / "t.torrent",
        f"--piece-length={piece_length}",
    )  # fmt: skip
    assert process.status > 0, process.describe()
    assert not (tmp_path / "t.torrent").exists()


def test_inspect_shows_what_libtorrent_wrote(shoal, small_model, tmp_path):
    torrent = create(small_model, 64 * KIB, tmp_path / "theirs.torrent")
    process = shoal.succeed("inspect", torrent, "--json")
    assert Torrent.load(torrent).info_hash.hex() in process.stdout
