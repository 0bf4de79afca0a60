"""A swarm of one model, as most of these tests need it."""

import pytest

from models import MIB, model
from wire import Torrent


@pytest.fixture
def published(shoal, tmp_path):
    """Makes a model of some size with its .torrent: (directory, path of the torrent, torrent)."""

    def publish(size=16 * MIB, piece_length=256 * 1024):
        source = model(tmp_path / "model", size)
        path = shoal.publish(
            source, tmp_path / "model.torrent", "--piece-length", str(piece_length)
        )
        return source, path, Torrent.load(path)

    return publish
