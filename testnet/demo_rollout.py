"""The last part of testnet/demo: a second version of the model goes over six hosts in two waves, and back."""

import os
import pathlib
import shutil
import sys
import time

import safetensors.numpy

from models import assert_same
from processes import free_port
from shoal import last_object

CHANNEL = "prod"
FIRST, SECOND = "1.0", "2.0"
BUILD = ["aws/us-east-1/build1", "aws/us-east-1/build2"]
HOSTS = [
    "aws/us-east-1/rack1",
    "aws/us-east-1/rack1",
    "aws/us-east-1/rack2",
    "gcp/europe-west4/rack1",
    "gcp/europe-west4/rack1",
    "gcp/europe-west4/rack2",
]
SECONDS = 120
# Loads the weights as a server would, from where the host would serve them.
PROBE = """#!/bin/sh
exec {python} -c '
import os, pathlib, safetensors
for file in pathlib.Path(os.environ["SHOAL_PATH"]).rglob("*.safetensors"):
    with safetensors.safe_open(str(file), framework="numpy") as weights:
        for name in weights.keys():
            weights.get_tensor(name)
'
"""
# `shoal rollout watch` of one that went back.
ROLLED_BACK = 20


def second_version(model, directory):
    """The model after a little more training: one tensor is another."""
    shutil.copytree(model, directory)
    weights = next(directory.rglob("*.safetensors"))
    tensors = safetensors.numpy.load_file(weights)
    name = sorted(tensors)[0]
    tensors[name] = tensors[name] * 0.5
    safetensors.numpy.save_file(tensors, weights, metadata={"format": "pt"})
    return directory


class Fleet:
    """A tracker, two build nodes that hold both versions, and six hosts that hold nothing."""

    def __init__(self, shoal, name, versions, directory):
        self.shoal, self.name, self.versions, self.directory = shoal, name, versions, directory
        self.tracker = shoal.tracker("--interval", "2", name="rollout-tracker")
        for version, source in versions.items():
            for locality in BUILD:
                shoal.seed(
                    source, "--tracker", self.tracker.url, "--locality", locality,
                    name=name, version=version,
                )
        probe = directory / "probe"
        probe.write_text(PROBE.format(python=sys.executable))
        probe.chmod(0o755)
        self.peers = []
        for number, locality in enumerate(HOSTS, start=1):
            address = f"127.2.0.{number}"
            self.peers.append(shoal.peer(
                "--tracker", self.tracker.url, "--host-name", f"host{number}",
                "--label", "pool=serving", "--locality", locality, "--activation-probe", probe,
                at=(address, free_port(address)), data=self.data(number),
            ))  # fmt: skip

    def data(self, number):
        return self.directory / f"host{number}"

    def run(self, *arguments, status=0):
        process = self.shoal.run(*arguments, "--tracker", self.tracker.url, seconds=SECONDS)
        assert process.status == status, process.describe()
        return process

    def current(self, number):
        return self.data(number) / "models" / self.name / "current"

    def serving(self):
        """The version that each host serves."""
        return [os.readlink(self.current(n)) if os.path.islink(self.current(n)) else None
                for n in range(1, len(HOSTS) + 1)]  # fmt: skip

    def received(self):
        total = 0
        for peer in self.peers:
            status = self.shoal.succeed("status", "--api", peer.api, "--json")
            total += sum(v["receivedBytes"] for v in last_object(status.stdout)["versions"])
        return total

    def roll(self, version, *waves):
        created = self.run("rollout", "create", CHANNEL, version, *waves, "--json")
        rollout = str(last_object(created.stdout)["rollout"]["id"])
        began = time.monotonic()
        watched = self.run("rollout", "watch", rollout)
        print(watched.stdout, end="")
        assert self.serving() == [version] * len(HOSTS), f"the hosts serve {self.serving()}"
        for number in range(1, len(HOSTS) + 1):
            assert_same(self.versions[version], self.current(number))
        print(f"{len(HOSTS)} hosts serve {version} after {time.monotonic() - began:.1f} s")
        return rollout


def demonstrate_rollout(shoal, name, model, directory):
    """Raises AssertionError when anything is not as it should be."""
    versions = {
        FIRST: pathlib.Path(model),
        SECOND: second_version(model, directory / "second"),
    }
    print(f"\n== rollouts: {len(HOSTS)} hosts of the channel {CHANNEL}, a probe that loads the weights")
    fleet = Fleet(shoal, name, versions, directory)
    fleet.run("channel", "set", CHANNEL, "--model", name, "--selector", "pool=serving")
    print(f"== {FIRST} to all")
    fleet.roll(FIRST, "--wave", "all")
    print(f"== {SECOND} in two waves: one host, then all")
    rollout = fleet.roll(SECOND, "--wave", "1", "--wave", "all")
    print(f"== back to {FIRST}")
    received, began = fleet.received(), time.monotonic()
    fleet.run("rollout", "rollback", rollout)
    fleet.run("rollout", "watch", rollout, status=ROLLED_BACK)
    assert fleet.serving() == [FIRST] * len(HOSTS), f"the hosts serve {fleet.serving()}"
    moved = fleet.received() - received
    assert moved == 0, f"{moved} bytes were fetched for it"
    seconds = time.monotonic() - began
    print(f"{len(HOSTS)} hosts serve {FIRST} again after {seconds:.1f} s, and fetched nothing for it")
