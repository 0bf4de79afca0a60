"""A host of the laboratory that fetches every file from a server by curl, as hosts do that know no better.

Writes where it stands into a file, in the form of `shoal status --json`, four times a second. Runs until it is ended.
"""

import argparse
import json
import os
import pathlib
import subprocess
import time
import urllib.parse


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True, help="URL of the directory")
    parser.add_argument("--name", required=True)
    parser.add_argument("--directory", type=pathlib.Path, required=True)
    parser.add_argument("--bytes", type=int, required=True, help="of all files")
    parser.add_argument("--status", type=pathlib.Path, required=True)
    parser.add_argument("--start", type=pathlib.Path, required=True, help="wait until this file is there")
    parser.add_argument("files", nargs="+")
    return parser.parse_args()


def write(path, status):
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(status))
    os.replace(scratch, path)


def stored(directory):
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def status(chosen, state, seconds):
    count = stored(chosen.directory)
    address = urllib.parse.urlsplit(chosen.server).hostname
    source = {"domain": address, "kind": "origin", "bytes": count}
    return {
        "name": chosen.name, "state": state, "problem": None, "bytes": chosen.bytes,
        "verifiedBytes": count, "receivedBytes": count, "duplicateBytes": 0, "uploadedBytes": 0,
        "peers": 0, "bannedPeers": [], "unavailablePieces": 0, "from": [source],
        "path": str(chosen.directory), "seconds": seconds,
    }  # fmt: skip


def main():
    chosen = options()
    chosen.directory.mkdir(parents=True, exist_ok=True)
    write(chosen.status, status(chosen, "downloading", 0))
    while not chosen.start.exists():
        time.sleep(0.02)
    began = time.monotonic()
    for name in chosen.files:
        path = chosen.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        url = f"{chosen.server}/{name}"
        with subprocess.Popen(["curl", "-sSf", "-o", str(path), url]) as curl:
            while curl.poll() is None:
                write(chosen.status, status(chosen, "downloading", time.monotonic() - began))
                time.sleep(0.1)
            if curl.returncode != 0:
                raise SystemExit(f"curl {url} ended with {curl.returncode}")
    finished = time.monotonic() - began
    while True:
        write(chosen.status, status(chosen, "seeding", finished))
        time.sleep(0.25)


if __name__ == "__main__":
    main()
