"""Trackers that are down, slow, or something else; and clients of ours that are no clients."""

import contextlib
import http.server
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

import bencode
from models import MIB, assert_same
from processes import endpoint_text, eventually
from shoal import endpoint
from wire import Seed

# After which a command that needs the tracker gives up, and a little.
PATIENCE_SECONDS = 45


class FakeTracker:
    """An HTTP server that answers everything with what `respond(handler)` writes."""

    def __init__(self, respond):
        outer = self
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append(self.path)
                with contextlib.suppress(OSError):
                    respond(self)

            do_POST = do_PUT = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://{endpoint_text(self.server.server_address)}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def body(data, status=200, kind="text/plain"):
    def respond(handler):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return respond


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"8:interval" * 10_000)


def redirect(handler):
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


def silence(_):
    time.sleep(PATIENCE_SECONDS)


def announce(**keys):
    return body(bencode.encode({"interval": 1, "min interval": 1, **keys}))


LIARS = {
    "answers in HTML": body(b"<html><body>Sign in</body></html>", kind="text/html"),
    "answers nothing": body(b""),
    "fails": body(b"internal error", status=500),
    "is not found": body(b"no such page", status=404),
    "never answers": silence,
    "never ends": endless,
    "redirects for ever": redirect,
    "refuses": body(bencode.encode({"failure reason": "go away"})),
    "refuses for good": body(bencode.encode({"failure reason": "no", "retry in": "never"})),
    "sends half a peer": announce(peers=b"\x7f\0\0"),
    "sends peers that nobody can reach": announce(peers=b"\x7f\0\0\1\0\0" + b"\0\0\0\0\0\0" * 50),
    "sends peers that do not answer": announce(peers=b"".join(
        bytes([127, 0, 0, 1, 0, port]) for port in range(1, 200)
    )),
    "sends peers of the wrong type": announce(peers=5),
    "sends no interval": body(bencode.encode({"peers": b""})),
    "sends a negative interval": body(bencode.encode({"interval": -1, "peers": b""})),
    "sends a huge interval": body(bencode.encode({"interval": 10**30, "peers": b""})),
    "is deep": body(b"l" * 100_000),
}  # fmt: skip


@pytest.mark.parametrize("name", LIARS)
def test_a_pull_completes_whose_tracker(shoal, published, name):
    source, path, torrent = published(4 * MIB)
    with FakeTracker(LIARS[name]) as tracker, Seed(torrent, source) as seed:
        pull = shoal.start_pull(path, "--tracker", tracker.url, peers=[seed.endpoint])
        assert_same(source, shoal.finish(pull, 30)["path"])


def test_a_pull_completes_whose_tracker_is_down(shoal, published):
    source, path, torrent = published(4 * MIB)
    url = f"http://{endpoint_text(endpoint())}"
    with Seed(torrent, source) as seed:
        pull = shoal.start_pull(path, "--tracker", url, peers=[seed.endpoint])
        assert_same(source, shoal.finish(pull, 30)["path"])


@pytest.mark.parametrize("name", ["answers in HTML", "answers nothing", "fails", "never ends"])
def test_a_name_cannot_be_looked_up_where_the_tracker(shoal, name):
    with FakeTracker(LIARS[name]) as tracker:
        pull = shoal.start_pull("org/model@1", "--tracker", tracker.url)
        assert pull.wait(PATIENCE_SECONDS) > 0
        assert urllib.parse.urlparse(tracker.url).netloc in pull.stderr, pull.describe()


def test_a_name_cannot_be_looked_up_when_the_tracker_is_down(shoal):
    at = endpoint_text(endpoint())
    pull = shoal.start_pull("org/model@1", "--tracker", f"http://{at}")
    assert pull.wait(PATIENCE_SECONDS) > 0
    assert at in pull.stderr, pull.describe()


def test_an_unknown_name_is_not_found(shoal):
    tracker = shoal.tracker()
    pull = shoal.start_pull("org/model@1", "--tracker", tracker.url)
    assert pull.wait(20) == 4, pull.describe()
    assert "org/model" in pull.stderr


# Our tracker

HASH = "%01" * 20
QUERIES = {
    "nothing": "",
    "no info-hash": "peer_id=aaaaaaaaaaaaaaaaaaaa&port=5000&left=0",
    "a short info-hash": "info_hash=abc&peer_id=aaaaaaaaaaaaaaaaaaaa&port=5000&left=0",
    "a short peer id": f"info_hash={HASH}&peer_id=abc&port=5000&left=0",
    "port 0": f"info_hash={HASH}&peer_id=aaaaaaaaaaaaaaaaaaaa&port=0&left=0",
    "a port beyond all": f"info_hash={HASH}&peer_id=aaaaaaaaaaaaaaaaaaaa&port=99999&left=0",
    "no port": f"info_hash={HASH}&peer_id=aaaaaaaaaaaaaaaaaaaa&left=0",
    "a broken escape": "info_hash=%zz%1&peer_id=%",
    "a long query": "info_hash=" + "a" * 6000,
}


def get(tracker, path):
    try:
        with urllib.request.urlopen(f"{tracker.url}{path}", timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("name", QUERIES)
def test_a_bad_announce_is_refused(shoal, name):
    tracker = shoal.tracker()
    status, data = get(tracker, f"/announce?{QUERIES[name]}")
    if status == 200:
        # BEP 3: a refusal is an answer like any other.
        assert b"failure reason" in bencode.decode(data)
    else:
        assert 400 <= status < 500
    good = f"info_hash={HASH}&peer_id=aaaaaaaaaaaaaaaaaaaa&port=5000&left=0&compact=1"
    status, data = get(tracker, f"/announce?{good}")
    assert status == 200 and b"interval" in bencode.decode(data)


def test_bytes_that_are_no_http(shoal):
    tracker = shoal.tracker()
    for data in [b"\0" * 4096, b"GET " + b"a" * 200_000, b"\x13BitTorrent protocol" + bytes(48)]:
        with contextlib.suppress(OSError):
            with socket.create_connection(tracker.endpoint, timeout=5) as connection:
                connection.sendall(data)
                connection.recv(4096)
    assert get(tracker, "/announce")[0] in (200, 400)
    assert tracker.status is None


def test_a_body_that_is_too_large(shoal):
    tracker = shoal.tracker()
    with contextlib.suppress(OSError):
        with socket.create_connection(tracker.endpoint, timeout=5) as connection:
            path = "/api/v1/models/org/model/1"
            head = f"PUT {path} HTTP/1.1\r\nHost: t\r\nContent-Length: 10000000000\r\n\r\n"
            connection.sendall(head.encode())
            for _ in range(512):
                connection.sendall(bytes(MIB))
    assert tracker.status is None
    assert tracker.memory_peak() < 256 * MIB


@pytest.mark.limit(120)
def test_hundreds_of_silent_clients_keep_nobody_out(shoal):
    tracker = shoal.tracker()
    with contextlib.ExitStack() as stack:
        for _ in range(500):
            with contextlib.suppress(OSError):
                connection = socket.create_connection(tracker.endpoint, timeout=0.5)
                stack.enter_context(connection).sendall(b"GET /ann")
        good = f"info_hash={HASH}&peer_id=aaaaaaaaaaaaaaaaaaaa&port=5000&left=0&compact=1"

        def is_served():
            with contextlib.suppress(OSError):
                return get(tracker, f"/announce?{good}")[0] == 200

        eventually(is_served, 60, "a polite client is served")
        assert tracker.memory_peak() < 256 * MIB


def test_a_flood_of_peers_is_bounded(shoal):
    tracker = shoal.tracker()
    for number in range(5000):
        query = f"info_hash={HASH}&peer_id={number:020}&port={1024 + number}&left=0&compact=1"
        status, data = get(tracker, f"/announce?{query}&numwant=100000")
        if status != 200:
            break
    if status == 200 and b"peers" in (answer := bencode.decode(data)):
        assert len(answer[b"peers"]) <= 6 * 1000
    assert tracker.status is None
    assert tracker.memory_peak() < 256 * MIB
