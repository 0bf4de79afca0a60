"""Streams of the page without a browser: readers that do not read."""

import socket
import threading
import urllib.request

import pytest

from obedient_hosts import call
from processes import eventually

RACKS = 300
# As much as a rack can be made to have: names as long as they may be.
MODELS = 6
VERSION = "v" * 88
PLACE = f"{'a' * 60}/{'b' * 60}/{'c' * 56}"


def report(tracker, number, phase):
    name = f"h{number}"
    models = [
        {
            "name": f"acme/m{model}", "active": f"{VERSION}{phase}{model}", "isHealthy": None,
            "fence": {"epoch": 0, "step": 0}, "failure": None, "versions": [],
        }
        for model in range(MODELS)
    ]
    status, answer = call(
        f"{tracker.url}/api/v1/hosts/{name}/sync", "POST",
        {"host": name, "locality": f"{PLACE}{number}", "labels": {}, "generation": 0,
         "models": models},
    )
    assert status == 200, answer


def metric(tracker, line):
    with urllib.request.urlopen(f"{tracker.url}/metrics", timeout=30) as answer:
        for text in answer.read().decode().splitlines():
            if text.startswith(line + " "):
                return int(text.split()[-1])
    raise AssertionError(f"no {line}")


@pytest.mark.limit(180)
def test_a_reader_that_reads_nothing_is_let_go_of_and_holds_nobody_up(shoal):
    tracker = shoal.tracker()
    for number in range(RACKS):
        report(tracker, number, 0)
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.connect(tracker.endpoint)
    stalled.sendall(b"GET /api/v1/page/events HTTP/1.1\r\nHost: x\r\n\r\n")
    eventually(lambda: metric(tracker, "shoal_tracker_page_streams") == 1, 30, "it is served")

    seen, over = [], threading.Event()

    def read():
        with urllib.request.urlopen(f"{tracker.url}/api/v1/page/events", timeout=30) as answer:
            for line in answer:
                if over.is_set():
                    return
                if line.startswith(b"event: "):
                    seen.append(line[7:].strip())

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    phase = 0

    def is_dropped():
        nonlocal phase
        phase += 1
        for number in range(0, RACKS, 2):
            report(tracker, number, phase)
        ended = 'shoal_tracker_page_streams_ended_total{reason="stalled"}'
        return metric(tracker, ended) >= 1

    eventually(is_dropped, 120, "the reader that reads nothing is let go of")
    eventually(lambda: metric(tracker, "shoal_tracker_page_streams") == 1, 30, "one is left")
    assert seen[0] == b"snapshot" and seen.count(b"update") >= 5
    over.set()
    report(tracker, 0, "last")
    reader.join(30)
    assert not reader.is_alive()
    stalled.close()
