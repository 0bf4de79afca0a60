"""What an origin may do wrong, each kind told apart, none of it stored, and none of it a storm."""

import pytest

from lies import FAULTS, redirect
from models import assert_same
from origins import config, web
from web_server import WebServer


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_bad_origin_is_named_and_the_next_one_used(fault, shoal, source, publish, tmp_path):
    with WebServer(source.parent) as good, WebServer(source.parent) as bad:
        bad.elsewhere = good.url.rstrip("/")
        torrent = publish("--origin", bad.url + "model", "--origin", good.url + "model")
        published = len(good.requests)
        bad.lie = fault(bad)
        # The bad one is nearer, so it is asked first.
        flags = config(
            tmp_path / "origins.json", web(bad, "bad"), web(good, "good", locality="far/away")
        )
        pull = shoal.start_pull(torrent, *flags, "--locality", "aws/us/r1", "--timeout", "40")
        report = shoal.finish(pull)
        assert_same(source, tmp_path / "shoal" / report["path"])
        assert FAULTS[fault] in pull.stderr, pull.describe()
        assert "bad" in pull.stderr
        assert bad.count() > 0
        if fault is redirect:
            # What reached the good one came by its own address.
            assert all(good.has_range(headers) for headers in good.headers[published:])
