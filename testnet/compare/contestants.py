"""Those who move a model from a seed to receivers: one class each, with the same five methods.

prepare()        starts the seed
start(count)     starts receivers, which begin at once
finish(them)     waits, and returns one Result for each
clean()          removes what the receivers stored
seed_cpu()       CPU seconds of the seed so far
"""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

from libtorrent_client import create
from libtorrent import create_torrent
from processes import accepts_connections, endpoint_text, eventually, free_port

HOST = "127.0.0.1"
TRANSFER_SECONDS = 300
MIB = 1 << 20


@dataclasses.dataclass
class Result:
    seconds: float
    cpu: float


def cpu_of(pid):
    """CPU seconds of a process and of the children it has waited for."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


class Child:
    """A process whose whole life is measured."""

    def __init__(self, command, log, **options):
        self.log = log
        with log.open("wb") as output:
            options = {"stdin": subprocess.DEVNULL, "stdout": output, **options}
            self.began = time.monotonic()
            self.process = subprocess.Popen(
                [str(part) for part in command], stderr=subprocess.STDOUT, **options
            )
        self.pid = self.process.pid

    def cpu(self):
        return cpu_of(self.pid)

    def wait(self):
        """What it took, from its start to its end."""
        _, status, usage = os.wait4(self.pid, 0)
        seconds = time.monotonic() - self.began
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            raise SystemExit(f"throughput: {self.log.name} failed\n{self.log.read_text()[-2000:]}")
        return Result(seconds, usage.ru_utime + usage.ru_stime)

    def kill(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


def address():
    return endpoint_text((HOST, free_port(HOST)))


def await_port(text):
    host, port = text.rsplit(":", 1)
    eventually(lambda: accepts_connections((host, int(port))), 20, f"{text} accepts connections")


class Contestant:
    name = ""

    def __init__(self, source, directory):
        self.source = source
        self.directory = directory / self.name.replace(" ", "-")
        self.seed = None
        self.size = (source / "model.safetensors").stat().st_size

    def data(self, number):
        return self.directory / f"receiver{number}"

    def fresh(self):
        self.directory.mkdir(parents=True, exist_ok=True)

    def seed_cpu(self):
        return self.seed.cpu()

    def finish(self, receivers):
        return [receiver.wait() for receiver in receivers]

    def clean(self):
        for path in self.directory.glob("receiver*"):
            shutil.rmtree(path)

    def check(self):
        """Fails unless what was stored has the length it should have."""
        found = [p for p in self.directory.glob("receiver*/**/*") if p.is_file()]
        if not any(path.stat().st_size == self.size for path in found):
            raise SystemExit(f"throughput: {self.name} stored nothing of {self.size} bytes")

    def close(self, keep=False):
        if self.seed:
            self.seed.kill()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)


class Shoal(Contestant):
    """Receivers are whole processes: their start, the join and the sealed view are in the time."""

    name = "shoal"
    reference = "org/compare@1"

    def __init__(self, binary, source, directory, name=None, options=()):
        self.name = name or self.name
        self.binary = binary
        self.options = options
        super().__init__(source, directory)

    def prepare(self):
        self.fresh()
        self.torrent = self.directory / "model.torrent"
        self.endpoint = address()
        self.seed = Child(
            [self.binary, "publish", self.source, "--name", "org/compare", "--version", "1",
             "--output", self.torrent, "--seed", "--listen", self.endpoint,
             "--data", self.directory / "seed", *self.options],
            self.directory / "seed.log",
        )  # fmt: skip
        eventually(lambda: b"seeding" in self.seed.log.read_bytes(), 120, "shoal seeds")

    def start(self, count):
        endpoints = [address() for _ in range(count)]
        receivers = []
        for number, endpoint in enumerate(endpoints):
            others = [self.endpoint] + [each for each in endpoints if each != endpoint]
            peers = [part for other in others for part in ("--peer", other)]
            receivers.append(
                Child(
                    [self.binary, "pull", self.torrent, "--data", self.data(number),
                     "--listen", endpoint, "--quiet", *peers, *self.options],
                    self.directory / f"pull{number}.log",
                )
            )  # fmt: skip
        return receivers


class LibTorrent(Contestant):
    """Receivers are started and warm before the time begins: only the transfer counts."""

    name = "libtorrent"

    def prepare(self):
        self.fresh()
        self.torrent = create(self.source, 2 * MIB, self.directory / "model.torrent")
        self.prepare_seed()

    def prepare_seed(self):
        self.endpoint = address()
        self.seed = Child(
            [sys.executable, "-m", "bittorrent_client", "seed", self.torrent, self.source.parent,
             self.endpoint],
            self.directory / "seed.log",
        )  # fmt: skip
        eventually(lambda: b"seeding" in self.seed.log.read_bytes(), 120, "libtorrent seeds")

    def start(self, count):
        endpoints = [address() for _ in range(count)]
        receivers = []
        for number, endpoint in enumerate(endpoints):
            self.data(number).mkdir()
            receivers.append(
                Child(
                    [sys.executable, "-m", "bittorrent_client", "leech", self.torrent,
                     self.data(number), endpoint, self.endpoint, *endpoints[:number]],
                    self.directory / f"leech{number}.log",
                    stdin=subprocess.PIPE,
                )
            )  # fmt: skip
        for receiver in receivers:
            self.event(receiver, "ready")
        for receiver in receivers:
            self.nudge(receiver)
        return receivers

    @staticmethod
    def nudge(receiver):
        receiver.process.stdin.write(b"\n")
        receiver.process.stdin.flush()

    @staticmethod
    def event(receiver, name):
        def found():
            for line in receiver.log.read_text().splitlines():
                if line.startswith("{") and json.loads(line)["event"] == name:
                    return json.loads(line)
            if receiver.process.poll() is not None:
                raise SystemExit(f"throughput: libtorrent ended\n{receiver.log.read_text()}")
            return None

        return eventually(found, TRANSFER_SECONDS, f"libtorrent is {name}")

    def finish(self, receivers):
        results = [self.event(receiver, "done") for receiver in receivers]
        for receiver in receivers:
            receiver.kill()
        return [Result(result["seconds"], result["cpu"]) for result in results]


class Mixed(LibTorrent):
    """Shoal on one side and libtorrent on the other, which asks for and serves 16 KiB at a time."""

    def __init__(self, binary, source, directory, shoal_seeds):
        self.name = "shoal to libtorrent" if shoal_seeds else "libtorrent to shoal"
        self.shoal = Shoal(binary, source, directory, name=self.name)
        self.shoal_seeds = shoal_seeds
        super().__init__(source, directory)

    def prepare(self):
        if self.shoal_seeds:
            self.shoal.prepare()
            self.seed, self.endpoint = self.shoal.seed, self.shoal.endpoint
            self.torrent = self.shoal.torrent
        else:
            super().prepare()
            self.shoal.torrent, self.shoal.endpoint = self.torrent, self.endpoint

    def start(self, count):
        return super().start(count) if self.shoal_seeds else self.shoal.start(count)

    def finish(self, receivers):
        return super().finish(receivers) if self.shoal_seeds else self.shoal.finish(receivers)


class Aria(Contestant):
    """aria2 knows no version 2: the same files as version 1, through our tracker."""

    name = "aria2 (v1)"

    def __init__(self, shoal, source, directory):
        self.shoal = shoal
        super().__init__(source, directory)

    def prepare(self):
        self.fresh()
        tracker = address()
        self.tracker = Child(
            [self.shoal, "tracker", "--listen", tracker, "--data", self.directory / "tracker"],
            self.directory / "tracker.log",
        )
        await_port(tracker)
        self.torrent = create(
            self.source, 2 * MIB, self.directory / "model.torrent", create_torrent.v1_only
        )
        self.options = [
            "--bt-tracker", f"http://{tracker}/announce", "--enable-dht=false",
            "--bt-enable-lpd=false", "--enable-peer-exchange=false", "--file-allocation=none",
            "--bt-max-peers=0", "--disk-cache=64M", "--summary-interval=0", "--quiet=true",
            "--bt-request-peer-speed-limit=0", "--min-tls-version=TLSv1.2",
        ]  # fmt: skip
        self.endpoint = address()
        self.seed = Child(
            ["aria2c", *self.options, f"--listen-port={self.endpoint.rsplit(':', 1)[1]}",
             "--bt-seed-unverified=true", "--seed-ratio=0.0", "--check-integrity=false",
             "-d", self.source.parent, self.torrent],
            self.directory / "seed.log",
        )  # fmt: skip
        eventually(lambda: self.seeds(tracker), 60, "aria2 seeds")

    def seeds(self, tracker):
        with urllib.request.urlopen(f"http://{tracker}/api/v1/swarms") as answer:
            return any(swarm.get("seeds") for swarm in json.load(answer)["swarms"])

    def start(self, count):
        return [
            Child(
                ["aria2c", *self.options, "--seed-time=0",
                 f"--listen-port={address().rsplit(':', 1)[1]}", "-d", self.data(number),
                 self.torrent],
                self.directory / f"leech{number}.log",
            )
            for number in range(count)
        ]  # fmt: skip

    def close(self, keep=False):
        self.tracker.kill()
        super().close(keep)


class Curl(Contestant):
    """curl from nginx with sendfile: no verification at all, the cost of the bytes alone."""

    name = "curl from nginx"

    CONFIGURATION = """
    daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log;
    user root;
    events {{ worker_connections 256; }}
    http {{
        access_log off; sendfile on; sendfile_max_chunk 2m; tcp_nopush on;
        client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
        fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
        scgi_temp_path {directory}/scgi;
        server {{ listen {endpoint}; root {root}; }}
    }}
    """

    def prepare(self):
        self.fresh()
        self.endpoint = address()
        configuration = self.directory / "nginx.conf"
        configuration.write_text(
            self.CONFIGURATION.format(
                directory=self.directory, endpoint=self.endpoint, root=self.source
            )
        )
        self.seed = Child(
            ["nginx", "-c", configuration, "-p", self.directory], self.directory / "seed.log"
        )
        await_port(self.endpoint)

    def seed_cpu(self):
        """Of the worker: the master does nothing."""
        with open(f"/proc/{self.seed.pid}/task/{self.seed.pid}/children") as text:
            return sum(cpu_of(int(pid)) for pid in text.read().split())

    def start(self, count):
        for number in range(count):
            self.data(number).mkdir()
        return [
            Child(
                ["curl", "-sS", "-o", self.data(number) / "model.safetensors",
                 f"http://{self.endpoint}/model.safetensors"],
                self.directory / f"curl{number}.log",
            )
            for number in range(count)
        ]  # fmt: skip

    def close(self, keep=False):
        if self.seed:
            self.seed.process.send_signal(signal.SIGTERM)
            self.seed.process.wait()
        super().close(keep)
