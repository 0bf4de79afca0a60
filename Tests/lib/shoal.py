"""The shoal binary as the tests use it: one method for each subcommand, nothing else."""

import json

from processes import Process, endpoint_text, free_port

# Seconds in which a daemon must be ready. Includes hashing for small models.
START_SECONDS = 20


def endpoint(host="127.0.0.1"):
    return host, free_port(host)


def last_object(text):
    """The last line of `text` that is a JSON object."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise AssertionError(f"no JSON object in the output:\n{text[-2000:]}")


class Shoal:
    """Starts processes of one binary in one directory and ends them all."""

    def __init__(self, binary, directory):
        self.binary = binary
        self.directory = directory
        self.processes = []
        directory.mkdir(parents=True, exist_ok=True)

    def start(self, *arguments, name=None, **options):
        name = f"{len(self.processes):03}-{name or arguments[0]}"
        # So that what a command leaves where it is run goes away with the test.
        options.setdefault("cwd", self.directory)
        process = Process([self.binary, *arguments], self.directory, name, **options)
        self.processes.append(process)
        return process

    def run(self, *arguments, seconds=60, **options):
        """Runs a command to its end."""
        process = self.start(*arguments, **options)
        process.wait(seconds)
        return process

    def succeed(self, *arguments, seconds=60, **options):
        process = self.run(*arguments, seconds=seconds, **options)
        assert process.status == 0, process.describe()
        return process

    def close(self):
        for process in self.processes:
            process.kill()

    def describe(self):
        """What the last processes said, and every one that ended badly before them."""
        last = self.processes[-8:]
        bad = [process for process in self.processes[:-8] if process.status not in (None, 0)]
        return "\n".join(process.describe() for process in bad + last)

    def crashed(self):
        """Processes that trapped: whatever a test is about, none may."""
        return [process for process in self.processes if process.has_crashed]

    # The subcommands.

    def publish(
        self, source, torrent, *arguments, name=None, version="1", seconds=120, **options
    ):
        """Makes `torrent` from the directory `source` and ends."""
        name = name or f"org/{source.name}"
        self.succeed(
            "publish", source, "--name", name, "--version", version, "--output", torrent,
            *arguments, seconds=seconds, **options,
        )
        assert torrent.is_file(), f"no {torrent}"
        return torrent

    def seed(self, source, *arguments, name=None, version="1", at=None, seconds=120, **options):
        """A process that publishes and seeds `source`; its `endpoint` is where it listens."""
        at = at or endpoint()
        process = self.start(
            "publish", source, "--name", name or f"org/{source.name}", "--version", version,
            "--seed", "--listen", endpoint_text(at),
            "--data", self.directory / f"seed-{at[1]}", *arguments, name="seed", **options,
        )
        process.wait_for_output("seeding", seconds)
        process.endpoint = at
        return process

    def tracker(self, *arguments, at=None, name="tracker", **options):
        """A tracker; its `url` is where it answers."""
        at = at or endpoint()
        process = self.start(
            "tracker", "--listen", endpoint_text(at),
            "--data", self.directory / f"tracker-{at[1]}", *arguments, name=name, **options,
        )
        process.wait_for_output("listening on", START_SECONDS)
        process.endpoint = at
        process.url = f"http://{endpoint_text(at)}"
        process.announce_url = f"{process.url}/announce"
        return process

    def peer(self, *arguments, at=None, api=None, data=None):
        """The daemon; its `api` takes status, list, remove and verify."""
        at, api = at or endpoint(), api or endpoint_text(endpoint())
        process = self.start(
            "peer", "--listen", endpoint_text(at), "--api", api,
            "--data", data or self.directory / f"peer-{at[1]}", *arguments, name="peer",
        )
        # Said once both of its addresses answer.
        process.wait_for_output("peer on", START_SECONDS)
        process.endpoint, process.api = at, api
        return process

    def start_pull(self, what, *arguments, data=None, to=None, at=None, peers=(), **options):
        """Starts a pull. `data` and `to` are new directories unless given."""
        at = at or endpoint()
        data = data or self.directory / f"pull-{at[1]}"
        to = to or self.directory / f"view-{at[1]}"
        for peer in peers:
            arguments += ("--peer", endpoint_text(peer))
        return self.start(
            "pull", what, "--data", data, "--to", to, "--listen", endpoint_text(at),
            "--json", *arguments, name="pull", **options,
        )

    def pull(self, what, *arguments, seconds=60, **options):
        """Pulls to the end and returns the report."""
        return self.finish(self.start_pull(what, *arguments, **options), seconds)

    @staticmethod
    def finish(process, seconds=60):
        """The report of a pull that was started before."""
        process.wait(seconds)
        assert process.status == 0, process.describe()
        return last_object(process.stdout)


def received(report, kind="peer"):
    """Payload bytes that a pull got from sources of one kind."""
    return sum(source["bytes"] for source in report["from"] if source["kind"] == kind)
