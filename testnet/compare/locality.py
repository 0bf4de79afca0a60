"""Copies over boundaries and time to the last host, by three ways to distribute: see testnet/compare/locality."""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

from processes import end_on_sigterm

# Who distributes, and what a scenario says for it. Every host but the seed and the tracker receives.
WAYS = {
    "shoal": {"seeds": "seed"},
    "libtorrent": {"libtorrentSeeds": "seed", "libtorrent": None},
    "every host from the origin": {"servers": "seed", "curl": None},
}


def clouds(topology):
    return sorted({domain["path"].split("/")[0] for domain in topology["domains"]})


def scenario(chosen, topology, roles):
    """The scenario of one way; a role without hosts gets every receiver."""
    receivers = [d["path"] for d in topology["domains"] if d.get("hosts")]
    return {
        "about": "one of the ways that testnet/compare/locality compares",
        "topology": str(chosen.topology),
        "model": {"MiB": chosen.size, "files": 4},
        "tracker": "tracker",
        **{role: hosts or receivers for role, hosts in roles.items()},
        "limitSeconds": 900,
        # The other ways keep no ledger that could be held against the interfaces.
        "assert": {"counterTolerance": 100},
    }


def run(chosen, name, roles, topology, directory):
    path = directory / f"{name.replace(' ', '-')}.json"
    path.write_text(json.dumps(scenario(chosen, topology, roles)))
    command = [str(chosen.shoal), "testnet", "run", str(path), "--json", "--quiet"]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise SystemExit(f"locality: {name} failed\n{result.stdout[-3000:]}")
    report = json.loads(result.stdout.splitlines()[-1])
    # From the interfaces, which know no difference between the ways.
    boundaries = report["boundaries"]
    size = report["modelBytes"]

    def copies(level):
        return [b["counterIn"] / size for b in boundaries if b["level"] == level and not b["hasSource"]]

    def crossed(level):
        return sum(b["counterIn"] for b in boundaries if b["level"] == level) / size

    return {
        "seconds": report["completionSeconds"]["max"],
        "bound": report["boundSeconds"],
        "ratio": report["completionSeconds"]["max"] / report["boundSeconds"],
        "cloud": max(copies("cloud"), default=0),
        "region": max(copies("region"), default=0),
        "rack": max(copies("rack"), default=0),
        "cross_cloud": crossed("cloud"),
        "cross_region": crossed("region"),
        "cost": report["costUSD"],
        "idle": report["processorIdle"],
    }


def show(rounds):
    first = next(iter(rounds[0]))
    print("\n| | last host, s | × bound | copies into a cloud | a region | a rack | copies over cloud boundaries "
          "| region boundaries | × bytes between clouds | × time | egress | idle |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    summary = {}
    for name in rounds[0]:
        cells = [each[name] for each in rounds]
        median = {key: statistics.median(cell[key] for cell in cells) for key in cells[0]}
        bytes_ratio = statistics.median(
            each[name]["cross_cloud"] / each[first]["cross_cloud"] for each in rounds
        )
        time_ratio = statistics.median(each[name]["seconds"] / each[first]["seconds"] for each in rounds)
        spread = f"{min(c['seconds'] for c in cells):.1f}–{max(c['seconds'] for c in cells):.1f}"
        print(
            f"| {name} | {median['seconds']:.1f} ({spread}) | {median['ratio']:.2f} | {median['cloud']:.2f} "
            f"| {median['region']:.2f} | {median['rack']:.2f} | {median['cross_cloud']:.2f} "
            f"| {median['cross_region']:.2f} | {bytes_ratio:.2f} | {time_ratio:.2f} "
            f"| ${median['cost']:.4f} | {median['idle']:.0%} |"
        )
        summary[name] = {**median, "bytes_ratio": bytes_ratio, "time_ratio": time_ratio}
    return summary


def options():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(
        prog="testnet/compare/locality",
        description="Compares copies over boundaries and completion with libtorrent and origin-only.",
    )
    parser.add_argument("--shoal", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the comparison (3)")
    parser.add_argument("--size", type=int, default=512, help="MiB of the model (512)")
    parser.add_argument("--topology", type=pathlib.Path, default=root / "topologies/two-clouds.json")
    parser.add_argument("--only", nargs="*", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--json", type=pathlib.Path, help="also write the medians to this file")
    return parser.parse_args()


def main():
    end_on_sigterm()
    chosen = options()
    if os.geteuid() != 0:
        raise SystemExit("locality: run it as root: the comparison needs network namespaces")
    chosen.topology = chosen.topology.resolve()
    topology = json.loads(chosen.topology.read_text())
    print(f"{os.cpu_count()} cores, Linux {platform.release()}, {time.strftime('%Y-%m-%d')}: {chosen.size} MiB in "
          f"{chosen.topology.stem} ({', '.join(clouds(topology))}), {chosen.rounds} rounds")  # fmt: skip
    rounds = []
    with tempfile.TemporaryDirectory(prefix="shoal-locality-") as directory:
        for number in range(chosen.rounds):
            rounds.append({})
            for name in chosen.only:
                cell = run(chosen, name, WAYS[name], topology, pathlib.Path(directory))
                rounds[-1][name] = cell
                print(f"round {number + 1}, {name}: {cell['seconds']:.1f} s, {cell['cross_cloud']:.2f} copies between "
                      "clouds", file=sys.stderr, flush=True)  # fmt: skip
    summary = show(rounds)
    if chosen.json:
        chosen.json.write_text(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
