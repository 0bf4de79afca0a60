"""A web server that keeps what was asked of it, and that can be made to lie."""

import contextlib
import hashlib
import http.server
import pathlib
import threading
import time
import urllib.parse

from processes import endpoint_text


class WebServer:
    """Serves a directory with Range requests, and keeps what was asked for.

    `lie(handler, data, begin, end)` is called for each GET with a range; when it returns True it has
    answered itself.
    """

    # Where a lie may redirect to.
    elsewhere = "http://elsewhere.invalid"

    def __init__(self, directory, lie=None, at=("127.0.0.1", 0)):
        outer = self
        self.directory = pathlib.Path(directory)
        self.lie = lie
        self.requests = []
        self.headers = []
        self.bytes = 0
        self.lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with contextlib.suppress(OSError):
                    outer.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(at, Handler)
        self.server.daemon_threads = True
        self.url = f"http://{endpoint_text(self.server.server_address)}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler):
        path = self.directory / urllib.parse.unquote(handler.path).lstrip("/")
        with self.lock:
            self.requests.append((handler.command, handler.path, time.monotonic()))
            self.headers.append(dict(handler.headers))
        if not path.is_file():
            self.send(handler, 404, b"")
            return
        data = path.read_bytes()
        if handler.command == "HEAD":
            self.send(handler, 200, data)
            return
        range_text = handler.headers.get("Range", "")
        begin, _, end = range_text.removeprefix("bytes=").partition("-")
        begin, end = int(begin), int(end) + 1
        if self.lie and self.lie(handler, data, begin, end):
            return
        tag = self.tag(data)
        if handler.headers.get("If-Match", tag) != tag:
            self.send(handler, 412, b"")
            return
        self.partial(handler, data, begin, end)

    @staticmethod
    def tag(data):
        return f'"{hashlib.md5(data).hexdigest()}"'

    def partial(self, handler, data, begin, end, **headers):
        headers.setdefault("Content_Range", f"bytes {begin}-{end - 1}/{len(data)}")
        headers.setdefault("ETag", self.tag(data))
        self.send(handler, 206, data[begin:end], **headers)

    def send(self, handler, status, body, **headers):
        """Header fields are written with underscores; one that is None is left out."""
        handler.send_response(status)
        headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            if value is not None:
                handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)
            with self.lock:
                self.bytes += len(body)

    @staticmethod
    def has_range(headers):
        return any(name.lower() == "range" for name in headers)

    def count(self, method="GET"):
        with self.lock:
            return sum(1 for request in self.requests if request[0] == method)
