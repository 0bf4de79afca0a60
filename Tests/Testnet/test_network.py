"""Whether links are as fast as they say, and counters count what crossed: everything else rests on it."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import namespaces

# Of each frame of 1,514 bytes, 1,448 are payload.
PAYLOAD_SHARE = 1448 / 1514
HEADER = 66
MIB = 1 << 20

SINK = """
import socket, sys, time
server = socket.create_server((sys.argv[1], 9000))
print("ready", flush=True)
connection, _ = server.accept()
began, total = time.monotonic(), 0
while count := len(connection.recv(1 << 20)):
    total += count
print(total, time.monotonic() - began)
"""
SOURCE = """
import socket, sys
connection = socket.create_connection((sys.argv[1], 9000), timeout=5)
for _ in range(int(sys.argv[2])):
    connection.sendall(bytes(1 << 20))
"""

TOPOLOGY = {
    "about": "three hosts, every boundary slower than what is inside of it",
    "mbps": {"cloud": {"in": 120, "out": 90}, "rack": 250, "host": 500},
    "domains": [
        {"path": "a/r/one", "hosts": 2},
        {"path": "a/r/two", "hosts": 1},
        {"path": "b", "mbps": 200},
        {"path": "b/r/one", "hosts": 1},
    ],
}


def in_namespace(namespace, script, *arguments):
    return subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{namespace}", sys.executable, "-c", script, *arguments],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def send(source, sink, mebibytes):
    """Sends over TCP from host to host; megabits of payload per second."""
    receiver = in_namespace(sink["namespace"], SINK, sink["address"])
    assert receiver.stdout.readline() == "ready\n"
    sender = in_namespace(source["namespace"], SOURCE, sink["address"], str(mebibytes))
    assert sender.wait(60) == 0, sender.stderr.read()
    out, err = receiver.communicate(timeout=60)
    total, seconds = out.split()
    assert int(total) == mebibytes * MIB, err
    return int(total) * 8 / 1e6 / float(seconds)


def counters(fabric):
    """(bytes in, frames in, bytes out, frames out) of each boundary."""
    text = subprocess.run(
        ["nsenter", f"--net=/run/netns/{fabric}", "cat", "/proc/net/dev"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found = {}
    for line in text.splitlines():
        if match := re.match(r"\s*(u\d+):\s*(.*)", line):
            n = [int(each) for each in match[2].split()]
            found[match[1]] = (n[0], n[1], n[8], n[9])
    return found


@pytest.fixture
def network(testnet, tmp_path):
    path = tmp_path / "three.json"
    path.write_text(json.dumps(TOPOLOGY))
    return testnet.json("up", path)


@pytest.mark.parametrize(
    ("source", "sink", "mbps"),
    [(0, 1, 500), (0, 2, 250), (0, 3, 90), (3, 0, 120)],
    ids=["in a rack", "between racks", "out of a cloud", "into a cloud"],
)
def test_a_transfer_is_as_fast_as_the_slowest_link_on_its_way(network, source, sink, mbps):
    hosts = network["hosts"]
    # Half a second on the way, so that the start weighs little.
    rate = send(hosts[source], hosts[sink], max(4, mbps // 8))
    assert 0.93 * mbps * PAYLOAD_SHARE < rate < 1.03 * mbps * PAYLOAD_SHARE


def test_interfaces_count_the_payload_that_crossed_and_no_other(network):
    hosts = network["hosts"]
    before = counters(network["fabric"])
    send(hosts[0], hosts[3], 20)
    after = counters(network["fabric"])
    # u0 a, u1 a/r, u2 a/r/one, u3 a/r/two, u4 b, u5 b/r, u6 b/r/one.
    moved = {
        name: tuple(b - a for a, b in zip(before[name], after[name], strict=True)) for name in after
    }
    for name in ["u0", "u1", "u2"]:
        _, _, sent, frames = moved[name]
        assert sent - HEADER * frames == pytest.approx(20 * MIB, rel=0.005)
    for name in ["u4", "u5", "u6"]:
        received, frames, _, _ = moved[name]
        assert received - HEADER * frames == pytest.approx(20 * MIB, rel=0.005)
    assert moved["u3"][0] < 10_000 and moved["u3"][2] < 10_000


def test_down_removes_what_up_made_and_nothing_else(testnet, network):
    own = {host["namespace"] for host in network["hosts"]} | {network["fabric"]}
    stranger = f"other-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", stranger], check=True)
    try:
        assert own <= namespaces()
        assert testnet.json("down") == {"removed": [network["id"]]}
        assert not own & namespaces()
        assert stranger in namespaces()
        assert not os.path.exists(network["work"])
    finally:
        subprocess.run(["ip", "netns", "del", stranger], check=True)


def test_down_removes_what_a_killed_run_left_behind(testnet, tmp_path):
    before = namespaces()
    run = testnet.start("run", "cold-start-small")
    for line in run.stderr:
        if "ask for the model" in line:
            break
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert namespaces() - before
    assert len(testnet.json("down")["removed"]) == 1
    assert namespaces() <= before
    pids = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False)
    assert not pids.stdout.strip()


def test_an_interrupted_run_leaves_nothing(testnet):
    before = namespaces()
    run = testnet.start("run", "cold-start-small")
    for line in run.stderr:
        if "ask for the model" in line:
            break
    began = time.monotonic()
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=20)
    assert run.returncode == 6
    assert time.monotonic() - began < 10
    assert namespaces() <= before
    assert testnet.json("down") == {"removed": []}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "line 1: expected"),
        ('{"about": "x", "racks": []}', "racks: is an unknown key"),
        ('{"about": "x", "hosts": [{"name": "h", "in": "a/b/c"}]}', "hosts[0].in: there is no domain"),
    ],
)
def test_a_wrong_topology_is_refused_with_file_and_key(testnet, tmp_path, text, expected):
    path = tmp_path / "wrong.json"
    path.write_text(text)
    process = testnet.start("up", path)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 64
    assert "wrong.json" in err and expected in err
