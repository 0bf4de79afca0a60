"""The fleet of testnet/demo: python demo.py SHOAL WHEEL."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile

import safetensors

from demo_rollout import demonstrate_rollout
from models import assert_same
from processes import free_port
from shoal import Shoal, last_object

NAME, VERSION = "sentence-transformers/all-MiniLM-L6-v2", "1.0"
SEED = ("127.0.1.1", "aws/us-east-1/build")
RACKS = [
    "aws/us-east-1/rack1",
    "aws/us-east-1/rack2",
    "gcp/europe-west4/rack1",
    "gcp/europe-west4/rack2",
]
HOSTS_PER_RACK = 2
PULL_SECONDS = 120
# What `shoal testnet` makes networks with.
TOOLS = ["ip", "tc", "nft", "nsenter", "unshare"]
MEGABYTE = 1e6
# How near a source is, in the order of the table's columns.
PROXIMITIES = ["rack", "region", "cloud", "otherCloud", "unknown"]


class Failure(Exception):
    """What went wrong, for the person at the terminal."""


def unpack(wheel, directory):
    """The directory of the wheel that holds the model."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    found = list(directory.rglob("*.safetensors"))
    if not found:
        raise Failure(f"no .safetensors file in {wheel}")
    return found[0].parent


def peers():
    """(name, address, locality) of each peer."""
    for rack_number, locality in enumerate(RACKS):
        cloud, rack = divmod(rack_number, 2)
        for host in range(1, HOSTS_PER_RACK + 1):
            address = f"127.1.{cloud + 1}.{10 * (rack + 1) + host}"
            yield f"peer{rack_number * HOSTS_PER_RACK + host}", address, locality


def pull_all(shoal, tracker):
    """Starts every peer at once and returns [(name, address, locality, report)]."""
    started = []
    for name, address, locality in peers():
        process = shoal.start_pull(
            f"{NAME}@{VERSION}", "--tracker", tracker.url, "--locality", locality,
            at=(address, free_port(address)),
        )  # fmt: skip
        started.append((name, address, locality, process))
    deadline = time.monotonic() + PULL_SECONDS
    results = []
    for name, address, locality, process in started:
        status = process.wait(max(0.1, deadline - time.monotonic()))
        if status != 0:
            raise Failure(f"{name} ({locality}) ended with status {status}\n{process.describe()}")
        results.append((name, address, locality, last_object(process.stdout)))
    return results


def received(report, proximity):
    """Megabytes from peers of one proximity."""
    sources = report["from"]
    total = sum(s["bytes"] for s in sources if s.get("proximity", "unknown") == proximity)
    return total / MEGABYTE


def show(results):
    columns = [p for p in PROXIMITIES if p != "unknown" or any(received(r[3], p) for r in results)]
    titles = {"otherCloud": "other cloud"}
    print(f"\n{'peer':6} {'address':14} {'locality':24} {'seconds':>7}  MB from:", end="")
    print("".join(f"{titles.get(column, column):>12}" for column in columns))
    for name, address, locality, report in results:
        print(f"{name:6} {address:14} {locality:24} {report['seconds']:7.2f}          ", end="")
        print("".join(f"{received(report, column):12.1f}" for column in columns))
    print()
    clouds = sorted({locality.split("/")[0] for _, _, locality, _ in results})
    for cloud in clouds:
        reports = [r[3] for r in results if r[2].split("/")[0] == cloud]
        entered = sum(received(report, "otherCloud") for report in reports)
        copies = entered * MEGABYTE / reports[0]["bytes"]
        print(f"{cloud} took in {entered:.1f} MB from the other cloud: {copies:.2f} copies")
    print()


def check_weights(path):
    """Loads the weights as a server of the model would, and shows one tensor."""
    files = sorted(pathlib.Path(path).rglob("*.safetensors"))
    with safetensors.safe_open(str(files[0]), framework="numpy") as weights:
        names = sorted(weights.keys())
        for name in names:
            weights.get_tensor(name)
        shape = tuple(weights.get_tensor(names[0]).shape)
    print(f"{files[0].name}: {len(names)} tensors load; {names[0]} has shape {shape}")


def has_namespaces():
    """Whether hosts can have networks of their own: as root, or as root of a user namespace."""
    if not all(shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") for tool in TOOLS):
        return False
    probe = ["unshare", "-n", "true"] if os.geteuid() == 0 else ["unshare", "-Urnm", "true"]
    try:
        return subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def demonstrate_in_namespaces(binary, model):
    """Sixteen hosts behind the links of two clouds; the laboratory compares what they end up with."""
    print("== sixteen hosts in network namespaces: shoal testnet run demo")
    command = [str(binary), "testnet", "run", "demo", "--model", str(model)]
    with subprocess.Popen(command) as laboratory:
        if laboratory.wait() != 0:
            raise Failure(f"the scenario failed with status {laboratory.returncode}")
    print("every file of 16 hosts is the original")
    check_weights(model)


def demonstrate(binary, wheel, directory):
    model = unpack(wheel, directory / "model")
    if has_namespaces():
        demonstrate_in_namespaces(binary, model)
    else:
        demonstrate_on_loopback(binary, model, directory)
    shoal = Shoal(binary, directory / "rollout")
    try:
        demonstrate_rollout(shoal, NAME, model, directory / "rollout")
    except AssertionError as error:
        raise Failure(str(error)) from None
    finally:
        shoal.close()


def demonstrate_on_loopback(binary, model, directory):
    shoal = Shoal(binary, directory / "shoal")
    try:
        print("== publish and seed")
        tracker = shoal.tracker("--interval", "2")
        address, locality = SEED
        shoal.seed(
            model, "--tracker", tracker.url, "--locality", locality,
            name=NAME, version=VERSION, at=(address, free_port(address)),
        )  # fmt: skip
        print(f"== {len(RACKS) * HOSTS_PER_RACK} peers pull {NAME}@{VERSION}")
        results = pull_all(shoal, tracker)
        hashes = {report["infoHash"] for _, _, _, report in results}
        if len(hashes) != 1:
            raise Failure(f"the peers have different versions: {hashes}")
        show(results)
        print("== compare with the original")
        for name, _, _, report in results:
            try:
                assert_same(model, report["path"])
            except AssertionError as error:
                raise Failure(f"{name}: {error}") from None
        print(f"every file of {len(results)} peers is the original")
        check_weights(results[-1][3]["path"])
        print("\n== who sent how much to whom, and what that costs")
        print(shoal.succeed("status", "--tracker", tracker.url, f"{NAME}@{VERSION}").stdout)
    except AssertionError as error:
        raise Failure(str(error)) from None
    finally:
        shoal.close()


def main():
    # As after Ctrl-C: the way out goes through every `finally`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    binary, wheel = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="shoal-demo-") as directory:
        demonstrate(pathlib.Path(binary), pathlib.Path(wheel), pathlib.Path(directory))
    print("ok")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"demo: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
