"""Web servers as origins."""

import contextlib
import pathlib
import shutil
import subprocess

from processes import _die_with_parent, accepts_connections, eventually, free_port


class Nginx:
    """nginx on a directory; `bytes_sent()` is what it counted in its log."""

    CONFIG = """
    daemon off;
    pid {work}/pid;
    error_log {work}/error.log;
    worker_processes 2;
    events {{ worker_connections 512; }}
    http {{
        log_format bytes '$body_bytes_sent $status $request_method $uri';
        access_log {work}/access.log bytes;
        client_body_temp_path {work}/body;
        proxy_temp_path {work}/proxy;
        fastcgi_temp_path {work}/fastcgi;
        uwsgi_temp_path {work}/uwsgi;
        scgi_temp_path {work}/scgi;
        server {{ listen 127.0.0.1:{port}; root {root}; }}
    }}
    """

    def __init__(self, root, work):
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        work.mkdir(parents=True, exist_ok=True)
        # The workers may run as another user, who must reach the files.
        for folder in [root, *pathlib.Path(root).parents]:
            with contextlib.suppress(OSError):
                folder.chmod(folder.stat().st_mode | 0o011)
        port = free_port()
        config = work / "nginx.conf"
        config.write_text(self.CONFIG.format(work=work, port=port, root=root))
        self.log = work / "access.log"
        self.url = f"http://127.0.0.1:{port}/"
        self.child = subprocess.Popen(
            [binary, "-c", str(config), "-e", str(work / "error.log")],
            preexec_fn=_die_with_parent,
        )
        eventually(lambda: accepts_connections(("127.0.0.1", port)), 10, "nginx listens")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()

    def bytes_sent(self):
        lines = self.log.read_text().splitlines()
        return sum(int(line.split()[0]) for line in lines if " GET " in line)
