"""Thousands of hosts as a tracker sees them: reports over HTTP, from few connections. They obey
what is wanted of them as far as it shows from outside: they fetch, stage, switch and serve."""

import http.client
import json
import queue
import random
import threading
import urllib.request

CONNECTIONS = 4
PIECES = 160


def announce_holders(tracker, info_hash):
    """Two peers that say they have all of the version."""
    text = "".join(f"%{byte:02x}" for byte in bytes.fromhex(info_hash)[:20])
    for number in (1, 2):
        query = f"info_hash={text}&peer_id={number:020}&port={6000 + number}&left=0&compact=1"
        with urllib.request.urlopen(f"{tracker.url}/announce?{query}", timeout=30) as answer:
            assert b"failure" not in answer.read()


class ReportedHost:
    def __init__(self, name, locality, labels):
        self.name, self.locality, self.labels = name, locality, labels
        self.generation = 0
        self.held = {}
        self.active = None
        self.fence = {"epoch": 0, "step": 0}
        self.failure = None
        self.is_healthy = None
        self.order = None
        self.model = "acme/llama"
        self.bytes = 1 << 30

    def report(self):
        versions = []
        for (version, info_hash), pieces in self.held.items():
            stage = "sealed" if pieces >= PIECES else "fetching"
            if version == self.active:
                stage = "active"
            versions.append({
                "version": version, "infoHash": info_hash, "stage": stage, "pieceCount": PIECES,
                "piecesHeld": pieces, "byteCount": self.bytes,
                "bytesHeld": self.bytes // PIECES * pieces if pieces < PIECES else self.bytes,
                "problem": None,
            })
        model = {
            "name": self.model, "active": self.active, "isHealthy": self.is_healthy,
            "fence": self.fence, "failure": self.failure, "versions": versions,
        }
        return {
            "host": self.name, "locality": self.locality, "labels": self.labels,
            "generation": self.generation, "models": [model] if versions else [], "disk": None,
        }

    def obey(self, desired, pieces):
        """One step towards what is wanted: at most so many pieces of each version."""
        self.generation = desired["generation"]
        for model in desired["models"]:
            self.model = model["name"]
            for version in model["hold"]:
                key = (version["version"], version["infoHash"])
                self.held[key] = min(PIECES, self.held.get(key, 0) + pieces)
            newer = (model["fence"]["epoch"], model["fence"]["step"]) > (
                self.fence["epoch"], self.fence["step"])
            wanted = model.get("active")
            if newer and any(k[0] == wanted and p == PIECES for k, p in self.held.items()):
                self.fence = {key: model["fence"][key] for key in ("epoch", "step")}
                self.active, self.failure = wanted, None


class ReportedFleet:
    """`clouds` × `regions` × `racks` × `size` hosts of a tracker."""

    def __init__(self, tracker, clouds=4, regions=4, racks=10, size=25, pieces=(1, 40)):
        self.address = tracker.endpoint
        self.pieces = pieces
        self.random = random.Random(6)
        self.lock = threading.Lock()
        names = ["aws", "gcp", "azure", "onprem", "oci", "coreweave"][:clouds]
        self.hosts = [
            ReportedHost(
                f"{cloud}-{region}-{rack:02}-{number:03}", f"{cloud}/region-{region}/r{rack:02}",
                {"pool": "test"},
            )
            for cloud in names
            for region in range(regions)
            for rack in range(racks)
            for number in range(size)
        ]

    def _sync(self, connection, host):
        body = json.dumps(host.report())
        connection.request("POST", f"/api/v1/hosts/{host.name}/sync?wait=0", body)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        with self.lock:
            pieces = self.random.randint(*self.pieces)
        host.obey(json.loads(text), pieces)

    def round(self, hosts=None):
        """Every host, or those named, reports once and obeys."""
        work = queue.SimpleQueue()
        for host in hosts if hosts is not None else self.hosts:
            work.put(host)
        errors = []

        def run():
            connection = http.client.HTTPConnection(*self.address, timeout=60)
            try:
                while True:
                    self._sync(connection, work.get_nowait())
            except queue.Empty:
                pass
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def keep_reporting(self, until, share=1.0):
        """Rounds of a random share of the hosts until the event is set; in a thread."""

        def run():
            while not until.is_set():
                with self.lock:
                    some = self.random.sample(self.hosts, max(1, int(len(self.hosts) * share)))
                self.round(some)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread
