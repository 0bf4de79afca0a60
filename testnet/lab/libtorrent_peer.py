"""A host of the laboratory that runs libtorrent with stock peer selection.

Fetches the metainfo by name from the tracker, joins the swarm, and writes where it stands into a file, in the
form of `shoal status --json`, four times a second. Runs until it is ended.
"""

import argparse
import collections
import json
import os
import pathlib
import time
import urllib.error
import urllib.request

import libtorrent as lt

# TCP alone and in the clear, nobody found but through the tracker; everything else as libtorrent comes.
SETTINGS = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_outgoing_utp": False,
    "enable_incoming_utp": False,
    "out_enc_policy": 2,
    "in_enc_policy": 2,
    "stop_tracker_timeout": 1,
    "tracker_backoff": 0,
    "min_announce_interval": 1,
    "announce_to_all_trackers": True,
    # Hosts of one rack share an address prefix, which the client would otherwise take for one home.
    "allow_multiple_connections_per_ip": True,
    "alert_mask": lt.alert.category_t.status_notification
    | lt.alert.category_t.error_notification
    | lt.alert.category_t.storage_notification,
}


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tracker", required=True)
    parser.add_argument("--reference", required=True, help="org/model@version")
    parser.add_argument("--listen", required=True)
    parser.add_argument("--directory", type=pathlib.Path, required=True)
    parser.add_argument("--status", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=pathlib.Path, help="serve this directory")
    parser.add_argument("--start", type=pathlib.Path, help="wait until this file is there")
    return parser.parse_args()


def fetch_metainfo(chosen):
    name, version = chosen.reference.split("@")
    url = f"{chosen.tracker}/api/v1/models/{name}/{version}"
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"no metainfo at {url}")


class Ledger:
    """Payload bytes by the address that sent them. A connection that ends takes its count with it, so the
    last one seen of each is kept; a peer that connects again goes on from there."""

    def __init__(self):
        self.counts = {}

    def update(self, peers):
        for peer in peers:
            key = (peer.ip[0], peer.pid)
            self.counts[key] = max(peer.total_download, self.counts.get(key, 0))

    def by_address(self):
        total = collections.Counter()
        for (address, _), count in self.counts.items():
            total[address] += count
        return total


def write(path, status):
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(status))
    os.replace(scratch, path)


def describe(handle, ledger, name, began, finished):
    status = handle.status()
    peers = handle.get_peer_info()
    ledger.update(peers)
    return {
        "name": name,
        "state": "seeding" if finished else "downloading",
        "problem": status.errc.message() if status.errc.value() else None,
        "bytes": status.total_wanted,
        "verifiedBytes": status.total_wanted_done,
        "receivedBytes": status.total_payload_download,
        "duplicateBytes": status.total_redundant_bytes + status.total_failed_bytes,
        "uploadedBytes": status.total_payload_upload,
        "peers": status.num_peers,
        "bannedPeers": [],
        "unavailablePieces": 0,
        "from": [
            {"domain": address, "kind": "peer", "bytes": count}
            for address, count in ledger.by_address().items()
        ],
        "path": None,
        "seconds": (finished or time.monotonic()) - began,
    }


def main():
    chosen = options()
    chosen.directory.mkdir(parents=True, exist_ok=True)
    name = chosen.reference.split("@")[0]
    idle = {
        "name": name, "state": "metadata", "problem": None, "bytes": 0, "verifiedBytes": 0,
        "receivedBytes": 0, "duplicateBytes": 0, "uploadedBytes": 0, "peers": 0, "bannedPeers": [],
        "unavailablePieces": 0, "from": [], "path": None, "seconds": 0,
    }  # fmt: skip
    parameters = lt.load_torrent_buffer(fetch_metainfo(chosen))
    session = lt.session({**SETTINGS, "listen_interfaces": chosen.listen})
    write(chosen.status, idle)
    while chosen.start and not chosen.start.exists():
        time.sleep(0.02)
    parameters.save_path = str(chosen.seed.parent if chosen.seed else chosen.directory)
    parameters.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if chosen.seed:
        parameters.flags |= lt.torrent_flags.seed_mode
    parameters.trackers = [f"{chosen.tracker}/announce"]
    began, finished, stored, ledger = time.monotonic(), None, False, Ledger()
    handle = session.add_torrent(parameters)
    if chosen.seed:
        print("seeding on", chosen.listen, flush=True)
    while True:
        # A piece counts before it is written; the files are looked at only when all are.
        stored |= any(isinstance(alert, lt.cache_flushed_alert) for alert in session.pop_alerts())
        if finished is None and handle.status().is_seeding:
            handle.flush_cache()
            finished = time.monotonic()
        status = describe(handle, ledger, name, began, finished if stored else None)
        if finished and stored:
            status["path"] = str(pathlib.Path(parameters.save_path, handle.status().name))
        write(chosen.status, status)
        time.sleep(0.25)


if __name__ == "__main__":
    main()
