"""Traffic as peers book it and the tracker sums it, and what it cost."""

import json
import time
import urllib.request

import pytest

from models import assert_same, file_bytes, model
from shoal import endpoint

NAME = "acme/llama@1.0"


def swarm(tracker, info_hash):
    with urllib.request.urlopen(f"{tracker.url}/api/v1/swarms/{info_hash}", timeout=10) as answer:
        return json.load(answer)


def wait_for_traffic(tracker, info_hash, condition, seconds=20):
    deadline = time.monotonic() + seconds
    traffic = None
    while time.monotonic() < deadline:
        try:
            traffic = swarm(tracker, info_hash).get("traffic")
        except OSError:
            traffic = None
        if traffic and condition(traffic):
            return traffic
        time.sleep(0.2)
    raise AssertionError(f"the traffic did not come: {traffic}")
