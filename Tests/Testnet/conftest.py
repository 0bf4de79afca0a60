"""The laboratory under test: networks as root, with the tools that it needs."""

import json
import os
import shutil
import subprocess
import sys

import pytest

TOOLS = ["ip", "tc", "nft", "nsenter"]


@pytest.fixture(autouse=True)
def needs_root():
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=os.defpath + ":/usr/sbin:/sbin")]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root and {', '.join(missing or TOOLS)}")


class Testnet:
    """`shoal testnet`, with state files of its own, so that networks of other runs are left alone."""

    # Not a test, though its name begins as if.
    __test__ = False

    def __init__(self, binary, directory):
        self.binary = binary
        self.environment = {
            **os.environ, "SHOAL_TESTNET_STATE": str(directory / "state"),
            "SHOAL_PYTHON": sys.executable,
        }  # fmt: skip

    def start(self, *arguments, **options):
        command = [str(self.binary), "testnet", *map(str, arguments)]
        return subprocess.Popen(
            command, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    def run(self, *arguments, status=0, seconds=120):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=seconds)
        assert process.returncode == status, f"status {process.returncode}\n{err[-3000:]}\n{out[-3000:]}"
        return out

    def json(self, *arguments, **options):
        return json.loads(self.run(*arguments, "--json", **options).splitlines()[-1])


@pytest.fixture
def testnet(binary, tmp_path):
    testnet = Testnet(binary, tmp_path)
    yield testnet
    testnet.run("down", "--all")


def namespaces():
    """Names of the network namespaces of this machine."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    return {line.split()[0] for line in listed.stdout.splitlines() if line}
