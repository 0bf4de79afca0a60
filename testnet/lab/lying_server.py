"""A host of the laboratory whose web servers each lie in one way: a port for each lie, in the
order of the arguments.

Writes how often each was asked into a file, four times a second. Runs until it is ended.
"""

import argparse
import json
import os
import pathlib
import time

import lies
from web_server import WebServer


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True, help="of the first lie")
    parser.add_argument("--directory", type=pathlib.Path, required=True)
    parser.add_argument("--asked", type=pathlib.Path, required=True, help="the file to write to")
    parser.add_argument("lies", nargs="+", help="names of functions in lies.py, with hyphens")
    return parser.parse_args()


def main():
    chosen = options()
    servers = {}
    for number, name in enumerate(chosen.lies):
        server = WebServer(chosen.directory, at=(chosen.address, chosen.port + number))
        server.lie = getattr(lies, name.replace("-", "_"))(server)
        servers[name] = server
    print("serving", flush=True)
    while True:
        scratch = chosen.asked.with_suffix(".new")
        scratch.write_text(json.dumps({name: server.count() for name, server in servers.items()}))
        os.replace(scratch, chosen.asked)
        time.sleep(0.25)


if __name__ == "__main__":
    main()
