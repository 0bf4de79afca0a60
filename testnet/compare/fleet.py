"""Thousands of hosts at one tracker, over loopback: see testnet/compare/fleet.

One thread with raw sockets: the hosts are those of obedient_hosts, without their threads. As peers
do, a host keeps the connection on which it waits for news, and makes one for each announce."""

import argparse
import collections
import errno
import heapq
import json
import os
import pathlib
import random
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
import types
import urllib.request

from obedient_hosts import Host, call
from processes import end_on_sigterm

MIB = 1 << 20
WAIT_SECONDS = 30
ANNOUNCE_SECONDS = 30
# Where the load's own turns take longer, the latencies are the load's, and it says so.
TURN_SECONDS_MAX = 0.25
# Connections besides those that wait for news: announces, and those that the kernel has not closed.
OTHER_FILES = 2048
PHASE_SECONDS_MAX = 600


class Tally:
    """Latencies by the kind of request, and of one phase."""

    def __init__(self):
        self.seconds = collections.defaultdict(list)
        # Of reports: how long they were held says nothing about the tracker.
        self.held = collections.Counter()
        self.errors = collections.Counter()
        self.began = time.monotonic()

    def rows(self, cpu_seconds):
        elapsed = time.monotonic() - self.began
        count = self.held.total() + sum(map(len, self.seconds.values()))
        yield f"{count / elapsed:.0f} requests/s, {100 * cpu_seconds / elapsed:.0f} % of one core"
        for kind, seconds in sorted(self.seconds.items()):
            seconds.sort()

            def rank(share, seconds=seconds):
                return 1000 * seconds[min(len(seconds) - 1, int(share * len(seconds)))]

            yield (
                f"{kind}: {len(seconds)}, p50 {rank(0.5):.1f} ms, p99 {rank(0.99):.1f} ms, "
                f"max {rank(1):.1f} ms"
            )
        for what, number in self.held.items():
            yield f"report held until {what}: {number}"
        for what, number in self.errors.items():
            yield f"ERROR {what}: {number}"


class Connection:
    """A connection to the tracker with at most one request on its way; made when it is needed."""

    def __init__(self, load, local, is_kept=True):
        self.load = load
        self.local = local
        self.is_kept = is_kept
        self.socket = None
        self.output = b""
        self.input = bytearray()
        self.done = None
        self.isFresh = False

    def ask(self, request, done):
        assert self.done is None, "one request at a time"
        self.output, self.done = request, done
        self.began = time.monotonic()
        if self.socket is None:
            self._open()
        self._write()

    def close(self):
        if self.socket is None:
            return
        self.load.poll.unregister(self.socket)
        del self.load.open[self.socket.fileno()]
        self.socket.close()
        self.socket = None
        self.input.clear()

    def _open(self):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # More than one address of ours, since each has only so many ports.
        self.socket.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
        self.socket.bind((self.local, 0))
        result = self.socket.connect_ex(self.load.endpoint)
        assert result in (0, errno.EINPROGRESS), os.strerror(result)
        self.load.open[self.socket.fileno()] = self
        self.load.poll.register(self.socket, select.EPOLLIN | select.EPOLLOUT)
        self.isFresh = True

    def _write(self):
        if not self.output:
            return
        try:
            sent = self.socket.send(self.output)
        except (BlockingIOError, OSError) as error:
            if error.errno in (errno.EAGAIN, errno.ENOTCONN, errno.EINPROGRESS):
                return
            return self._broken(error)
        self.output = self.output[sent:]
        if self.isFresh and not self.output:
            self.isFresh = False
            self.load.poll.modify(self.socket, select.EPOLLIN)

    def event(self, flags):
        if flags & select.EPOLLOUT:
            self._write()
        if self.socket is not None and flags & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            self._read()

    def _read(self):
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError as error:
            return self._broken(error)
        if not data:
            return self._broken("closed")
        self.input += data
        head = self.input.find(b"\r\n\r\n")
        if head < 0:
            return
        fields = bytes(self.input[:head]).lower().split(b"\r\n")
        length = next(int(f[15:]) for f in fields[1:] if f.startswith(b"content-length:"))
        if len(self.input) < head + 4 + length:
            return
        body = bytes(self.input[head + 4 : head + 4 + length])
        del self.input[: head + 4 + length]
        if not self.is_kept:
            self.close()
        done, self.done = self.done, None
        done(int(fields[0].split()[1]), body, time.monotonic() - self.began)

    def _broken(self, error):
        """An idle connection that the tracker closes is no fault."""
        self.close()
        if self.done is not None:
            done, self.done = self.done, None
            done(None, str(error).encode(), 0)


class LoadHost(Host):
    """A host of the load: its connections, and what it does with an answer."""

    def __init__(self, load, number, serves):
        place = number * 7919 % load.options.hosts
        locality = f"c{place % 4}/r{place // 4 % 3}/k{place // 12 % 100}"
        endpoint = types.SimpleNamespace(endpoint=load.endpoint)
        super().__init__(f"h{number}", endpoint, locality=locality, serves=serves)
        self.load, self.number = load, number
        self.model = load.model
        local = f"127.0.1.{1 + number % 100}"
        self.talk, self.announcer = Connection(load, local), Connection(load, local, is_kept=False)
        self.asked = self.generation

    def sync(self):
        body = json.dumps(self.report()).encode()
        self.asked = self.generation
        self.talk.ask(
            f"POST /api/v1/hosts/{self.name}/sync?wait={WAIT_SECONDS} HTTP/1.1\r\n"
            f"host: tracker\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body,
            self.heard,
        )

    def heard(self, status, body, seconds):
        load = self.load
        if status != 200:
            load.tally.errors[f"sync {status} {body[:60]!r}"] += 1
            return load.later(1, self.sync)
        before = (self.active, self.fence)
        state = json.loads(body)
        if self.asked == 0:
            load.tally.seconds["first report"].append(seconds)
        elif state["generation"] != self.asked:
            load.tally.held["there was news"] += 1
            load.heard(self)
        elif seconds >= WAIT_SECONDS:
            load.tally.seconds["report held 30 s, beyond them"].append(seconds - WAIT_SECONDS)
        else:
            load.tally.held["an older one, which it had overtaken, arrived"] += 1
        self._hear(state)
        if self.fetching:
            load.later(random.uniform(2, 10), self.finish)
        elif (self.active, self.fence) != before and self.activating:
            load.later(random.uniform(0.5, 2), self.finish)
        self.sync()

    def finish(self):
        """What was under way is done: the request that waits is overtaken."""
        self.switch_seconds = 0
        self._work()
        self.talk.close()
        self.talk.done = None
        self.sync()

    def announce(self):
        load = self.load
        load.later(ANNOUNCE_SECONDS, self.announce)
        if self.announcer.done is not None:
            load.tally.errors["an announce that took longer than the interval"] += 1
            return
        self.announcer.ask(
            f"GET /announce?info_hash={load.swarm}&peer_id=-SH0001-{self.number:012d}&port=7000"
            f"&uploaded=0&downloaded=0&left=0&numwant=50&compact=1&shoal_loc={self.locality}"
            f"&ipv4=10.{self.number >> 16}.{self.number >> 8 & 255}.{self.number & 255}:7000"
            " HTTP/1.1\r\nhost: tracker\r\nconnection: close\r\n\r\n".encode(),
            self.announced,
        )

    def announced(self, status, body, seconds):
        if status == 200 and b"failure reason" not in body:
            self.load.tally.seconds["announce"].append(seconds)
        else:
            self.load.tally.errors[f"announce {status} {body[:60]!r}"] += 1


class Load:
    def __init__(self, options, tracker, endpoint, versions):
        self.options, self.tracker, self.endpoint = options, tracker, endpoint
        self.model = "bench/fleet"
        self.versions = versions
        self.swarm = swarm_id(versions["1"])
        self.poll, self.open, self.timers = select.epoll(), {}, []
        self.tally, self.changed, self.reached = Tally(), None, []
        self.hosts = [LoadHost(self, n, {"1": versions["1"]}) for n in range(options.hosts)]
        self.worst_turn, self.rss, self.most_open = 0, 0, 0

    def later(self, seconds, what):
        heapq.heappush(self.timers, (time.monotonic() + seconds, id(what), what))

    def heard(self, host):
        if self.changed is not None and host.number not in self.reached:
            self.reached[host.number] = time.monotonic() - self.changed

    def run(self, until):
        """Until it is so, looked at ten times a second."""
        look, deadline = 0, time.monotonic() + PHASE_SECONDS_MAX
        while True:
            now = time.monotonic()
            if now > deadline:
                sys.exit(f"ERROR not done within {PHASE_SECONDS_MAX} s")
            if now >= look:
                self.rss = max(self.rss, memory(self.tracker.pid))
                if until():
                    return
                look = now + 0.1
            while self.timers and self.timers[0][0] <= now:
                heapq.heappop(self.timers)[2]()
            self.most_open = max(self.most_open, len(self.open))
            due = self.timers[0][0] - time.monotonic() if self.timers else 0.1
            events = self.poll.poll(max(0, min(due, 0.1)), 512)
            began = time.monotonic()
            for descriptor, flags in events:
                if descriptor in self.open:
                    self.open[descriptor].event(flags)
            self.worst_turn = max(self.worst_turn, time.monotonic() - began)

    def phase(self, name, until):
        self.tally = Tally()
        cpu, mine = processor_seconds(self.tracker.pid), time.process_time()
        self.worst_turn, self.most_open = 0, 0
        began = time.monotonic()
        self.run(until)
        elapsed = time.monotonic() - began
        cpu = processor_seconds(self.tracker.pid) - cpu
        mine = time.process_time() - mine
        print(f"\n{name}: {elapsed:.0f} s; {self.most_open} connections at most", flush=True)
        for row in self.tally.rows(cpu):
            print(f"  {row}")
        print(
            f"  tracker: {self.rss / MIB:.0f} MiB at most; the load: {100 * mine / elapsed:.0f} % "
            f"of its core, longest turn {1000 * self.worst_turn:.0f} ms",
            flush=True,
        )
        if self.worst_turn > TURN_SECONDS_MAX:
            print("  ERROR the load was held up itself: what is longest above is not the tracker's")

    def change(self):
        """Something is said that every host should hear."""
        self.changed, self.reached = time.monotonic(), {}

    def print_reach(self, what):
        times = sorted(self.reached.values())
        if times:
            print(
                f"  {what} heard by {len(times)} hosts: p50 {times[len(times) // 2]:.2f} s, "
                f"p99 {times[int(len(times) * 0.99)]:.2f} s, last {times[-1]:.2f} s"
            )


def swarm_id(info_hash):
    return "".join(f"%{info_hash[at : at + 2]}" for at in range(0, 40, 2))


def memory(pid):
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def publish(options, url, scratch):
    """Two small versions; their info-hashes by name."""
    found = {}
    for version in ("1", "2"):
        source = scratch / version
        source.mkdir()
        (source / "weights").write_bytes(random.Random(version).randbytes(100_000))
        subprocess.run(
            [
                options.shoal, "publish", source, "--name", "bench/fleet", "--version", version,
                "--tracker", url, "--output", scratch / f"{version}.torrent",
            ],
            check=True, stdout=subprocess.DEVNULL,
        )
        done = subprocess.run(
            [options.shoal, "inspect", scratch / f"{version}.torrent", "--json"],
            check=True, capture_output=True,
        )
        found[version] = json.loads(done.stdout)["infoHash"]
    return found


def rollout(load, url):
    def api(path, body, method="POST"):
        status, answer = call(f"{url}/api/v1/{path}", method, body, timeout=120)
        assert status < 300, answer
        return answer

    def state(number):
        return call(f"{url}/api/v1/rollouts/{number}", timeout=120)[1]["rollout"]

    channel = {"model": "bench/fleet", "selector": "", "keep": 1}
    api("channels/prod", channel, "PUT")
    first = api("rollouts", {"channel": "prod", "version": "1"})["rollout"]["id"]
    load.run(lambda: state(first)["phase"] == "complete")
    # Two that hold it whole, so that the rollout may begin.
    for number in range(2):
        query = (
            f"info_hash={swarm_id(load.versions['2'])}&peer_id=-SH0001-{number:012d}"
            f"&port={7000 + number}&uploaded=0&downloaded=0&left=0"
        )
        urllib.request.urlopen(f"{url}/announce?{query}", timeout=30).read()
    plan = {"waves": [{"hosts": "1"}, {"hosts": "100%"}], "maxUnavailable": "25%"}
    load.change()
    second = api("rollouts", {"channel": "prod", "version": "2", "plan": plan})["rollout"]["id"]
    done = types.SimpleNamespace(at=0, isSo=False)

    def is_half():
        served = sum(host.active == "2" for host in load.hosts)
        return served >= load.options.hosts // 2

    load.phase("rollout, until half of the hosts serve it", is_half)
    load.print_reach("the rollout was")
    load.change()
    began = time.monotonic()
    api(f"rollouts/{second}/abort", {"atOnce": True})
    print(f"  the abort was answered after {time.monotonic() - began:.2f} s")

    def is_back():
        if time.monotonic() >= done.at:
            done.at = time.monotonic() + 1
            done.isSo = state(second)["phase"] in ("rolledBack", "rollbackDegraded")
        return done.isSo

    load.phase("abort at once, until every host serves version 1", is_back)
    load.print_reach("the abort was")


def main():
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shoal", required=True)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--join-seconds", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=90, help="of the steady phase")
    parser.add_argument("--tracker-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument("--port", type=int, default=17070)
    options = parser.parse_args()

    needed = options.hosts + OTHER_FILES
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < needed:
        sys.exit(f"{needed} open files are needed, and {hard} are allowed; ulimit -Hn {needed}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {options.load_core})
    url = f"http://127.0.0.1:{options.port}"
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        log = (scratch / "log").open("w+")
        tracker = subprocess.Popen(
            [
                "taskset", "-c", str(options.tracker_core), options.shoal, "tracker", "--listen",
                f"127.0.0.1:{options.port}", "--data", scratch / "data",
            ],
            stdout=log, stderr=log,
        )
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(("127.0.0.1", options.port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < deadline and tracker.poll() is None, "no tracker"
                    time.sleep(0.05)
            versions = publish(options, url, scratch)
            load = Load(options, tracker, ("127.0.0.1", options.port), versions)
            measure(load, options, url)
        finally:
            tracker.terminate()
            tracker.wait(20)
            log.seek(0)
            warnings = [line for line in log if "warning" in line or "error" in line]
            print("".join(warnings[:10]), end="")


def measure(load, options, url):
    spread = options.join_seconds / options.hosts
    for host in load.hosts:
        load.later(host.number * spread, host.sync)
        load.later(host.number * spread + random.uniform(0, ANNOUNCE_SECONDS), host.announce)
    print(f"{options.hosts} hosts", flush=True)
    end = time.monotonic() + options.join_seconds + ANNOUNCE_SECONDS
    load.phase("joining", lambda: time.monotonic() >= end)
    end = time.monotonic() + options.seconds
    load.phase("steady", lambda: time.monotonic() >= end)
    rollout(load, url)


if __name__ == "__main__":
    main()
