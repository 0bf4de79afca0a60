"""Real processes under test: output in files, waits with deadlines, none left behind."""

import ctypes
import random
import signal
import socket
import subprocess
import sys
import time

# Seconds that a daemon has to end after SIGTERM.
SHUTDOWN_SECONDS = 2.0
_PR_SET_PDEATHSIG = 1
_CRASHES = (signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV)
_libc = ctypes.CDLL(None, use_errno=True)


def end_on_sigterm():
    """Has SIGTERM end this program as an exception does, so that it ends and removes what it started."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def eventually(condition, seconds, what):
    """Polls until `condition()` is true and returns its value; fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def free_port(host="127.0.0.1"):
    """A TCP port that nobody listens on, below those of outgoing connections."""
    for _ in range(200):
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port found")


def endpoint_text(endpoint):
    return f"{endpoint[0]}:{endpoint[1]}"


def accepts_connections(endpoint):
    try:
        socket.create_connection(endpoint, timeout=1).close()
        return True
    except OSError:
        return False


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One process. Ends with the test, whatever the test does."""

    def __init__(self, command, directory, name, **options):
        self.command = [str(part) for part in command]
        self.name = name
        self.stdout_path = directory / f"{name}.out"
        self.stderr_path = directory / f"{name}.err"
        with self.stdout_path.open("wb") as out, self.stderr_path.open("wb") as err:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                preexec_fn=_die_with_parent,
                **options,
            )
        self.pid = self._child.pid

    @property
    def stdout(self):
        return self.stdout_path.read_text(errors="replace")

    @property
    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    @property
    def output(self):
        return self.stdout + self.stderr

    @property
    def status(self):
        """The exit status, or None while the process runs."""
        return self._child.poll()

    @property
    def has_crashed(self):
        """It ended by a signal that no test sends, or is writing its backtrace, which takes a while."""
        if self.status is None:
            return "*** Signal" in self.stderr
        return -self.status in _CRASHES

    def describe(self):
        def tail(text):
            return "".join(f"    {line}\n" for line in text.splitlines()[-30:])

        return (
            f"{self.name}: {' '.join(self.command)}\n  status {self.status}\n"
            f"  stdout:\n{tail(self.stdout)}  stderr:\n{tail(self.stderr)}"
        )

    def wait(self, seconds):
        """The exit status; fails when the process outlives `seconds`."""
        try:
            return self._child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s\n{self.describe()}") from None

    def wait_for_output(self, text, seconds):
        """Waits for a line that contains `text` and returns it."""

        def line():
            found = next((line for line in self.output.splitlines() if text in line), None)
            if found is None and self.status is not None:
                raise AssertionError(f"ended before it said '{text}'\n{self.describe()}")
            return found

        try:
            return eventually(line, seconds, f"'{text}' from {self.name}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.describe()}") from None

    def stop(self, seconds=SHUTDOWN_SECONDS):
        """Sends SIGTERM and returns how long the process took to end."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        self.wait(seconds)
        return time.monotonic() - began

    def signal(self, number):
        if self.status is None:
            self._child.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self._child.wait()

    def memory_peak(self):
        """The largest resident set so far in bytes; None when the process has ended."""
        return self.memory("VmHWM")

    def memory(self, field):
        """A line of /proc/PID/status in bytes, such as RssAnon; None when the process has ended."""
        try:
            with open(f"/proc/{self.pid}/status") as status:
                for line in status:
                    if line.startswith(f"{field}:"):
                        return int(line.split()[1]) * 1024
        except (FileNotFoundError, ProcessLookupError):
            pass
        return None
