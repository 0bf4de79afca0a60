"""A version that is published with an origin and seeded by nobody."""

import pytest

from models import model


@pytest.fixture
def source(tmp_path):
    """A model of 6 MiB and a bit in files of all sizes, below `origin/`."""
    directory = model(tmp_path / "origin" / "model", (6 << 20) + 4321)
    (directory / "empty.txt").write_bytes(b"")
    (directory / "with space & more.json").write_text("{}")
    return directory


@pytest.fixture
def publish(shoal, source, tmp_path):
    """Publishes the model with origins; returns the path of the torrent."""

    def run(*arguments, piece_length=256 * 1024, tracker=None):
        if tracker:
            arguments += ("--tracker", tracker.url)
        return shoal.publish(
            source, tmp_path / "model.torrent", "--piece-length", str(piece_length), *arguments
        )

    return run
