"""A tracker as far as a host talks to it of its fleet, for tests of hosts: it keeps what it is told, and
answers by the contract of `POST /api/v1/hosts/{host}/sync` (Docs/Activation.md)."""

import http.server
import json
import re
import threading
import urllib.parse

WAIT_SECONDS_MAX = 5


class FleetTracker:
    def __init__(self, catalog=None):
        """`catalog` maps `org/model/version` to the bytes of a .torrent file."""
        self.catalog = catalog or {}
        self.desired = {"generation": 0, "models": []}
        self.reports = []
        self.changed = threading.Condition()
        tracker = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, body, kind="application/json"):
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                found = tracker.catalog.get(self.path.removeprefix("/api/v1/models/"))
                if found is None:
                    self.reply(404, b"{}")
                else:
                    self.reply(200, found, "application/x-bittorrent")

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                url = urllib.parse.urlsplit(self.path)
                host = re.fullmatch(r"/api/v1/hosts/([^/]+)/sync", url.path)
                if not host:
                    self.reply(404, b"{}")
                    return
                report = json.loads(body)
                assert report["host"] == host[1]
                wait = float(urllib.parse.parse_qs(url.query)["wait"][0])
                try:
                    self.reply(200, json.dumps(tracker.sync(report, wait)).encode())
                except BrokenPipeError:
                    pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A host hangs up when it has news."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def sync(self, report, wait):
        with self.changed:
            self.reports.append(report)
            self.changed.notify_all()
            self.changed.wait_for(
                lambda: self.desired["generation"] != report["generation"]
                or self.reports[-1] is not report,
                timeout=min(wait, WAIT_SECONDS_MAX),
            )
            return self.desired

    def wish(self, model, hold, active, step, epoch=1):
        """`hold` is pairs of a version and its info-hash, the first needed most."""
        with self.changed:
            self.desired = {
                "generation": self.desired["generation"] + 1,
                "models": [
                    {
                        "name": model,
                        "hold": [{"version": v, "infoHash": h} for v, h in hold],
                        "active": active,
                        "fence": {"epoch": epoch, "step": step},
                    }
                ],
            }
            self.changed.notify_all()

    def report(self, condition, seconds, what):
        """The newest report with which `condition(model)` holds, once there is one."""

        def found():
            for report in reversed(self.reports):
                if any(condition(model) for model in report["models"]):
                    return report
            return None

        with self.changed:
            assert self.changed.wait_for(lambda: found() is not None, timeout=seconds), (
                f"no report within {seconds} s: {what}\n"
                f"{json.dumps(self.reports[-1:], indent=1)[:3000]}"
            )
            return found()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
