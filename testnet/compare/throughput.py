"""One seed to one peer and to eight, over loopback: see testnet/compare/throughput."""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import libtorrent as lt
from contestants import Aria, Curl, LibTorrent, Mixed, Shoal
from models import model
from processes import end_on_sigterm

COMPARISONS = ["one", "tls", "eight", "standard", "disk", "hash"]
MIB = 1 << 20
GB = 1e9


class Sampler:
    """Peak anonymous memory of processes: what they need, not what the page cache lends them."""

    def __init__(self, pids):
        self.peak = {pid: 0 for pid in pids}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ended.wait(0.02):
            for pid in self.peak:
                try:
                    with open(f"/proc/{pid}/status") as status:
                        anon = next(line for line in status if line.startswith("RssAnon"))
                except (OSError, StopIteration):
                    continue
                self.peak[pid] = max(self.peak[pid], int(anon.split()[1]) * 1024)

    def end(self):
        self._ended.set()
        self._thread.join()
        return max(self.peak.values(), default=0)


def touch(directory, size):
    """Writes and removes half more bytes than a transfer will write. A page that a virtual machine touches for
    the first time costs five to twenty times as much as later, which would drown everything else; and the host
    takes back what lies free (free page reporting of virtio-balloon): a part of it each two seconds."""
    path = directory / "touched"
    block = b"\xa5" * (8 * MIB)
    room = shutil.disk_usage(directory).free * 9 // 10
    with path.open("wb") as file:
        for _ in range(min(size * 3 // 2, room) // len(block) + 1):
            file.write(block)
    path.unlink()


@contextlib.contextmanager
def memory(given):
    """A tmpfs of our own with huge pages, where that is allowed: with small ones every contestant spends
    more on zeroing pages than on anything that is compared here."""
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="shoal-compare-") as directory:
        mount = ["mount", "-t", "tmpfs", "-o", "huge=always,mode=0700,size=90%", "tmpfs", directory]
        if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode != 0:
            print("no tmpfs with huge pages (needs root): /dev/shm instead", file=sys.stderr)
            yield pathlib.Path("/dev/shm")
            return
        try:
            yield pathlib.Path(directory)
        finally:
            subprocess.run(["umount", "--lazy", directory], check=False)


def measure(contestant, count, size):
    """One transfer to `count` receivers at once."""
    contestant.clean()
    touch(contestant.directory, size * count)
    # Whatever is waiting to be written back must not be charged to who comes next.
    os.sync()
    before = contestant.seed_cpu()
    receivers = contestant.start(count)
    sampler = Sampler([receiver.pid for receiver in receivers])
    results = contestant.finish(receivers)
    memory = sampler.end()
    serving = contestant.seed_cpu() - before
    contestant.check()
    contestant.clean()
    seconds = max(result.seconds for result in results)
    moved = size * count
    return {
        "seconds": seconds,
        "gbps": moved / seconds / GB,
        "receiver_cpu": sum(result.cpu for result in results) / (moved / GB),
        "seed_cpu": serving / (moved / GB),
        "memory": memory,
    }


def spread(values):
    return f"{min(values):.2f}–{max(values):.2f}"


def show(title, rounds, baseline):
    """The table of one comparison; `rounds` is a list of {name: measurement}."""
    names = list(rounds[0])
    print(f"\n### {title}\n")
    print("| | s | GB/s | spread | CPU-s/GB receiver + seed | peak anon MiB | × " + baseline
          + " speed | × its CPU |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    summary = {}
    for name in names:
        cells = [each[name] for each in rounds]
        speeds = [each[name]["gbps"] / each[baseline]["gbps"] for each in rounds]
        costs = [cpu(each[name]) / cpu(each[baseline]) for each in rounds]
        median = {key: statistics.median(cell[key] for cell in cells) for key in cells[0]}
        print(
            f"| {name} | {median['seconds']:.2f} | {median['gbps']:.2f} "
            f"| {spread([cell['gbps'] for cell in cells])} "
            f"| {median['receiver_cpu']:.2f} + {median['seed_cpu']:.2f} "
            f"| {median['memory'] / MIB:.0f} "
            f"| {statistics.median(speeds):.2f} ({spread(speeds)}) "
            f"| {statistics.median(costs):.2f} ({spread(costs)}) |"
        )
        summary[name] = {
            **median,
            "speed_ratio": statistics.median(speeds),
            "cpu_ratio": statistics.median(costs),
        }
    sys.stdout.flush()
    return summary


def cpu(measurement):
    return measurement["receiver_cpu"] + measurement["seed_cpu"]


def compare(title, contestants, count, size, rounds, baseline):
    """Every contestant in turn, `rounds` times, so that what disturbs the machine disturbs all."""
    for contestant in contestants:
        contestant.prepare()
    try:
        results = []
        for number in range(rounds):
            results.append({each.name: measure(each, count, size) for each in contestants})
            shown = ", ".join(f"{name} {cell['seconds']:.2f} s" for name, cell in results[-1].items())
            print(f"{title}, round {number + 1}: {shown}", file=sys.stderr, flush=True)
        return show(title, results, baseline)
    finally:
        for contestant in contestants:
            contestant.close()


def timed(*command):
    """Seconds of wall and of CPU that a command takes."""
    began = time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"throughput: failed with {status}: {command}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime


def hashing(shoal, source, size, rounds, directory):
    """`shoal publish` and `verify` beside `openssl dgst`, per core and in all."""
    weights = source / "model.safetensors"
    rows = {"openssl dgst -sha256": [], "shoal publish": [], "shoal verify": []}
    torrent = directory / "hashing.torrent"
    shoal.prepare()
    shoal.finish(shoal.start(1))
    shoal.close(keep=True)
    for _ in range(rounds):
        rows["openssl dgst -sha256"].append(timed("openssl", "dgst", "-sha256", weights))
        torrent.unlink(missing_ok=True)
        rows["shoal publish"].append(
            timed(shoal.binary, "publish", source, "--name", "org/hash", "--version", "1",
                  "--output", torrent)
        )  # fmt: skip
        rows["shoal verify"].append(
            timed(shoal.binary, "verify", shoal.reference, "--data", shoal.data(0))
        )
    shoal.close()
    print("\n### Hashing\n\n| | GB/s | GB/s a core | × openssl a core |\n|---|---|---|---|")
    base = [size / GB / cpu_time for _, cpu_time in rows["openssl dgst -sha256"]]
    summary = {}
    for name, cells in rows.items():
        per_core = [size / GB / cpu_time for _, cpu_time in cells]
        ratio = statistics.median(own / other for own, other in zip(per_core, base))
        wall = statistics.median(size / GB / seconds for seconds, _ in cells)
        print(f"| {name} | {wall:.2f} | {statistics.median(per_core):.2f} | {ratio:.2f} |")
        summary[name] = {"gbps": wall, "per_core": statistics.median(per_core), "ratio": ratio}
    return summary


def certificates(directory):
    """An authority and a certificate that it signed, as flags of a peer."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", directory / "ca.key", "-out", directory / "ca.pem",
            "-days", "7", "-subj", "/CN=compare")  # fmt: skip
    openssl("req", *key, "-keyout", directory / "peer.key", "-out", directory / "peer.csr",
            "-subj", "/CN=peer")  # fmt: skip
    openssl("x509", "-req", "-in", directory / "peer.csr", "-CA", directory / "ca.pem", "-CAkey",
            directory / "ca.key", "-CAcreateserial", "-days", "7", "-out", directory / "peer.pem")  # fmt: skip
    return ["--tls-cert", directory / "peer.pem", "--tls-key", directory / "peer.key",
            "--tls-ca", directory / "ca.pem"]  # fmt: skip


def processor():
    with open("/proc/cpuinfo") as text:
        lines = text.read()
    name = next((x.split(":")[1].strip() for x in lines.splitlines() if "model name" in x), "?")
    kinds = [flag for flag in ("avx512f", "avx512bw", "sha_ni") if f" {flag}" in lines]
    return f"{name}, {os.cpu_count()} cores, {' '.join(kinds) or 'no SHA extensions'}"


def congestion_control():
    """What paces, or does not pace, those that take the network's default: all but Shoal."""
    return pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()


def options():
    parser = argparse.ArgumentParser(
        prog="testnet/compare/throughput",
        description="Compares Shoal's data path with libtorrent, aria2 and curl from nginx.",
    )
    parser.add_argument("--shoal", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each comparison (5)")
    parser.add_argument("--size", type=int, default=2048, help="MiB of the model (2048)")
    parser.add_argument("--crowd-size", type=int, help="MiB of the model sent to eight peers; by "
                        "default --size, or less where memory is short")  # fmt: skip
    parser.add_argument("--tmpfs", type=pathlib.Path, help="a tmpfs to use; by default one with "
                        "huge pages is mounted")  # fmt: skip
    parser.add_argument("--disk", type=pathlib.Path, default=pathlib.Path("/var/tmp"))
    parser.add_argument("--only", nargs="*", choices=COMPARISONS, default=COMPARISONS)
    parser.add_argument("--json", type=pathlib.Path, help="also write the medians to this file")
    return parser.parse_args()


def crowd_size(given, size, directory):
    """MiB of a model of which nine copies, and what is touched before, fit into `directory` and into memory."""
    if given:
        return given
    with open("/proc/meminfo") as text:
        available = next(int(x.split()[1]) * 1024 for x in text if x.startswith("MemAvailable"))
    free = min(available, shutil.disk_usage(directory).free)
    return min(size, free // MIB * 6 // 10 // 9)


def run(chosen, fast, disk):
    size = chosen.size * MIB
    source = model(fast / "model", size)
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    shoal = Shoal(chosen.shoal, source, fast)
    summary = {}

    def one(title, directory):
        contestants = [
            Shoal(chosen.shoal, source, directory),
            LibTorrent(source, directory),
            Aria(chosen.shoal, source, directory),
            Curl(source, directory),
        ]
        return compare(title, contestants, 1, size, chosen.rounds, "libtorrent")

    if "one" in chosen.only:
        summary["one"] = one("One seed to one peer, tmpfs", fast)
    if "tls" in chosen.only:
        options = ["--tls-policy", "rack=tls", *certificates(fast)]
        contestants = [
            Shoal(chosen.shoal, source, fast),
            Shoal(chosen.shoal, source, fast, name="shoal over TLS", options=options),
        ]
        summary["tls"] = compare(
            "One seed to one peer in the clear and over TLS, tmpfs",
            contestants, 1, size, chosen.rounds, "shoal",
        )  # fmt: skip
    if "standard" in chosen.only:
        contestants = [
            LibTorrent(source, fast),
            Mixed(chosen.shoal, source, fast, shoal_seeds=True),
            Mixed(chosen.shoal, source, fast, shoal_seeds=False),
        ]
        summary["standard"] = compare(
            "A standard client on one side (16 KiB requests), tmpfs",
            contestants, 1, size, chosen.rounds, "libtorrent",
        )  # fmt: skip
    if "hash" in chosen.only:
        summary["hash"] = hashing(shoal, source, size, chosen.rounds, fast)
    if "disk" in chosen.only:
        summary["disk"] = one(f"One seed to one peer, disk ({disk.parent})", disk)
    if "eight" in chosen.only:
        shutil.rmtree(source)
        crowd = crowd_size(chosen.crowd_size, chosen.size, fast)
        source = model(fast / "crowd", crowd * MIB)
        contestants = [Shoal(chosen.shoal, source, fast), LibTorrent(source, fast)]
        summary["eight"] = compare(
            f"One seed to eight peers at once, {crowd} MiB each, tmpfs",
            contestants, 8, crowd * MIB, chosen.rounds, "libtorrent",
        )  # fmt: skip
    return summary


def main():
    end_on_sigterm()
    chosen = options()
    print(f"{processor()}; Linux {platform.release()}, {congestion_control()}; libtorrent {lt.version}; "
          f"{time.strftime('%Y-%m-%d')}; {chosen.rounds} rounds, {chosen.size} MiB")  # fmt: skip
    with (
        memory(chosen.tmpfs) as tmpfs,
        tempfile.TemporaryDirectory(prefix="shoal-compare-", dir=tmpfs) as fast,
        tempfile.TemporaryDirectory(prefix="shoal-compare-", dir=chosen.disk) as disk,
    ):
        summary = run(chosen, pathlib.Path(fast), pathlib.Path(disk))
    if chosen.json:
        chosen.json.write_text(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
