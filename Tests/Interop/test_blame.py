"""A libtorrent peer whose disk went bad is recognised, and only that one."""

import pytest

from libtorrent_client import create
from models import MIB, assert_same, flip_bytes, model
from shoal import received
from wire import PIECE, Connection, Torrent, request


def banned_ports(process):
    """The ports in the lines in which shoal says that it banned somebody."""
    lines = [line for line in process.output.splitlines() if "ban" in line.lower()]
    words = " ".join(lines).replace(":", " ").replace(",", " ").replace('"', " ").split()
    return {int(word) for word in words if word.isdigit()}


def rotten_seed(client, torrent, directory):
    """A libtorrent that checked its files before one byte in each 64 KiB of them changed."""
    seed = client()
    seed.seed(torrent, directory.parent)
    flip_bytes(directory / "model.safetensors")
    metainfo = Torrent.load(torrent)
    piece = metainfo.first_piece("model.safetensors")
    with Connection(seed.endpoint) as connection:
        connection.join(metainfo)
        connection.send(request(piece, 0, 16384))
        _, payload = connection.receive_until(PIECE)
    # Else the test would show nothing.
    with (directory / "model.safetensors").open("rb") as file:
        assert payload[8:] == file.read(16384), "libtorrent still has the old bytes"
    return seed


@pytest.mark.limit(90)
def test_a_rotten_seed_is_banned_and_an_honest_one_is_not(shoal, client, tmp_path):
    honest_model = model(tmp_path / "honest" / "model", 24 * MIB)
    rotten_model = model(tmp_path / "rotten" / "model", 24 * MIB)
    torrent = create(honest_model, 256 * 1024, tmp_path / "model.torrent")
    honest = client()
    honest.seed(torrent, honest_model.parent)
    rotten = rotten_seed(client, torrent, rotten_model)
    pull = shoal.start_pull(torrent, peers=[rotten.endpoint, honest.endpoint])
    report = shoal.finish(pull, 60)
    assert_same(honest_model, report["path"])
    assert rotten.endpoint[1] in banned_ports(pull), pull.describe()
    assert honest.endpoint[1] not in banned_ports(pull), pull.describe()
    # What came from the rotten one and was thrown away is booked as such.
    assert received(report) == report["bytes"] + report["duplicateBytes"]


def test_a_rotten_seed_alone_never_yields_a_model(shoal, client, tmp_path):
    source = model(tmp_path / "model", 4 * MIB)
    torrent = create(source, 256 * 1024, tmp_path / "model.torrent")
    rotten = rotten_seed(client, torrent, source)
    data, view = tmp_path / "data", tmp_path / "view"
    pull = shoal.start_pull(torrent, peers=[rotten.endpoint], data=data, to=view)
    pull.wait_for_output("ban", 20)
    pull.stop()
    assert not list(view.rglob("*.safetensors"))
    assert not list((data / "models").rglob("*.safetensors"))
