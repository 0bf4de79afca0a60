"""Sessions of libtorrent that end with the test."""

import pytest

from libtorrent_client import PLAIN, Client


@pytest.fixture
def client():
    made = []

    def make(settings=PLAIN):
        made.append(Client(settings))
        return made[-1]

    yield make
    for each in made:
        each.close()
