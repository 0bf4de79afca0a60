"""What both suites use: the binary, processes that end with the test, and time limits."""

import os
import pathlib
import signal

import pytest

from models import model
from shoal import Shoal

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
LIMIT_SECONDS = 60


@pytest.fixture(scope="session")
def binary():
    path = pathlib.Path(os.environ.get("SHOAL", CHECKOUT / ".build/release/shoal")).resolve()
    if not os.access(path, os.X_OK):
        pytest.fail(f"no binary at {path}; run: swift build -c release", pytrace=False)
    return path


@pytest.fixture
def shoal(binary, tmp_path, request):
    """The binary with a fresh directory. Prints what its processes said when the test failed."""
    shoal = Shoal(binary, tmp_path / "shoal")
    yield shoal
    crashed = shoal.crashed()
    if crashed or getattr(request.node, "failed", False):
        print(shoal.describe())
    shoal.close()
    if crashed:
        note(request.node.nodeid, "SHOAL_CRASHES")
        pytest.fail("\n".join(process.describe() for process in crashed), pytrace=False)


def note(test, variable):
    """For Tests/run, which runs a failed test once more unless a process trapped in it."""
    if path := os.environ.get(variable):
        with open(path, "a") as file:
            file.write(f"{test}\n")


@pytest.fixture
def small_model(tmp_path):
    """3 MiB and a bit, in several files."""
    return model(tmp_path / "model", (3 << 20) + 4321)


@pytest.fixture(autouse=True)
def time_limit(request):
    """Ends a test that takes longer than its limit."""
    mark = request.node.get_closest_marker("limit")
    seconds = mark.args[0] if mark else LIMIT_SECONDS

    def give_up(*_):
        pytest.fail(f"the test took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True
        note(item.nodeid, "SHOAL_FAILED")
