"""Hosts that obey a tracker's desired state over HTTP, as Docs/Rollouts.md asks of them."""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request

from processes import endpoint_text


def call(url, method="GET", body=None, timeout=30):
    """A request of the JSON API: the status and the object answered."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def announce_holders(tracker, info_hash):
    """Two peers that say they have all of a version, so that a rollout of it leaves `seeding`."""
    swarm = "".join(f"%{byte:02x}" for byte in bytes.fromhex(info_hash)[:20])
    for number in (1, 2):
        query = f"info_hash={swarm}&peer_id={number:020}&port={6000 + number}&left=0&compact=1"
        with urllib.request.urlopen(f"{tracker.url}/announce?{query}") as answer:
            assert b"failure" not in answer.read()


class Host:
    """One host in a thread. Fetching takes one report, switching another.

    What a real host writes to its disk (`fence`, `active`, `sealed`) is here over `crash()`.
    """

    def __init__(self, name, tracker, locality="aws/east/r1", labels=None, serves=None):
        self.name = name
        self.url = f"http://{endpoint_text(tracker.endpoint)}/api/v1/hosts/{name}/sync"
        self.locality, self.labels = locality, labels or {}
        # Versions by name: the info-hash of those that are sealed.
        self.sealed = dict(serves or {})
        self.fetching = {}
        self.active = next(iter(self.sealed), None)
        self.before = None
        self.fence = {"epoch": 0, "step": 0}
        self.fences = []
        self.failure = None
        self.activating = None
        self.generation = 0
        self.bad_versions = set()
        # What a probe and a reload of weights take.
        self.switch_seconds = 0
        self.model = None
        self.errors = []
        self._alive = threading.Event()
        self._thread = None

    def start(self):
        self._alive.set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def stop(self):
        """Its thread ends after the request at hand."""
        self._alive.clear()

    def crash(self):
        self.stop()
        self._thread.join()

    def _run(self):
        while self._alive.is_set():
            has_news = self._work()
            try:
                self._sync(0 if has_news else 2)
            except (OSError, http.client.HTTPException, ValueError):
                # A dead tracker changes nothing.
                time.sleep(0.05)

    def _work(self):
        """One step of its own; whether there is news to report."""
        if self.activating:
            version, self.activating = self.activating, None
            time.sleep(self.switch_seconds)
            if version in self.bad_versions:
                self.active = self.before
                self.failure = {
                    "version": version, "fence": self.fence, "reason": "the probe said no",
                }
            else:
                self.failure = None
            return True
        if self.fetching:
            version, info_hash = self.fetching.popitem()
            self.sealed[version] = info_hash
            return True
        return False

    def _sync(self, wait):
        status, state = call(f"{self.url}?wait={wait}", "POST", self.report())
        if status != 200:
            self.errors.append(state)
            time.sleep(0.2)
            return
        self._hear(state)

    def _hear(self, state):
        self.generation = state["generation"]
        for model in state["models"]:
            self.model = model["name"]
            for version in model["hold"]:
                if version["version"] not in self.sealed:
                    self.fetching[version["version"]] = version["infoHash"]
            self._obey(model)

    def _obey(self, model):
        newer = (model["fence"]["epoch"], model["fence"]["step"]) > tuple(self.fence.values())
        if model.get("active") is None or not newer or model["active"] not in self.sealed:
            return
        self.fence = {"epoch": model["fence"]["epoch"], "step": model["fence"]["step"]}
        self.fences.append((tuple(self.fence.values()), model["active"]))
        if model["active"] == self.active and self.failure is None:
            return
        if model["active"] == self.active:
            self.failure = None
            return
        self.before, self.active = self.active, model["active"]
        self.activating = model["active"]

    def report(self):
        def entry(version, info_hash, stage):
            held = 0 if stage == "fetching" else 100
            return {
                "version": version, "infoHash": info_hash, "stage": stage, "pieceCount": 100,
                "piecesHeld": held, "byteCount": 100, "bytesHeld": held,
            }

        def stage(version):
            if version != self.active:
                return "sealed"
            return "activating" if self.activating else "active"

        versions = [entry(v, h, stage(v)) for v, h in self.sealed.items()]
        versions += [entry(v, h, "fetching") for v, h in self.fetching.items()]
        model = {
            "name": self.model or "acme/llama", "active": self.active, "isHealthy": None,
            "fence": self.fence, "failure": self.failure, "versions": versions,
        }
        return {
            "host": self.name, "locality": self.locality, "labels": self.labels,
            "generation": self.generation, "models": [model], "disk": None,
        }
