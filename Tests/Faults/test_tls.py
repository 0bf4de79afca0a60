"""TLS between peers, with certificates from the openssl command: what travels, who is let in, and what is said
when somebody is not."""

import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from models import MIB, assert_same, model
from processes import endpoint_text, eventually
from shoal import endpoint, last_object

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """Signs certificates in a directory of its own."""

    def __init__(self, directory, name):
        self.directory, self.name = directory, name
        directory.mkdir()
        self.openssl("req", "-x509", *CURVE, "-keyout", self.path("key"), "-out", self.path("pem"),
                     "-days", "30", "-subj", f"/CN={name}")  # fmt: skip

    def path(self, kind, name="ca"):
        return self.directory / f"{name}.{kind}"

    def sign(self, name, days=30):
        """The certificate and key of a new peer."""
        self.openssl("req", *CURVE, "-keyout", self.path("key", name), "-out", self.path("csr", name),
                     "-subj", f"/CN={name}")  # fmt: skip
        self.openssl("x509", "-req", "-in", self.path("csr", name), "-CA", self.path("pem"),
                     "-CAkey", self.path("key"), "-CAcreateserial", "-days", str(days),
                     "-out", self.path("pem", name))  # fmt: skip
        return self.path("pem", name), self.path("key", name)

    def options(self, name, days=30):
        """The flags of a peer that this authority signs."""
        certificate, key = self.sign(name, days)
        return ("--tls-cert", certificate, "--tls-key", key, "--tls-ca", self.path("pem"))

    def context(self, name, server, days=30):
        """Python's TLS with a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_cert_chain(*self.sign(name, days))
        context.load_verify_locations(self.path("pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    @staticmethod
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority", "ca")


@pytest.fixture
def source(tmp_path):
    return model(tmp_path / "model", 48 * MIB)


class Wire:
    """A relay that keeps the first bytes of what goes through it."""

    def __init__(self, target):
        self.target, self.seen = target, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = self.listener.getsockname()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                one, _ = self.listener.accept()
                other = socket.create_connection(self.target)
            except OSError:
                return
            for pair in ((one, other), (other, one)):
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    def copy(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                if len(self.seen) < 64 * MIB:
                    self.seen += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


def test_a_pull_over_tls_is_whole_and_shows_nothing_to_the_wire(shoal, authority, source, tmp_path):
    torrent = tmp_path / "model.torrent"
    seed = shoal.seed(source, "--output", torrent, "--tls-policy", "rack=tls", *authority.options("seed"))
    wire = Wire(seed.endpoint)
    report = shoal.pull(torrent, "--tls-policy", "rack=tls", *authority.options("peer"),
                        peers=[wire.endpoint])  # fmt: skip
    wire.close()
    assert_same(source, report["path"])
    assert len(wire.seen) > 40 * MIB
    assert wire.seen[0] == 0x16
    assert b"BitTorrent protocol" not in wire.seen
    weights = (source / "model.safetensors").read_bytes()
    middle = len(weights) // 2
    assert weights[middle:middle + 32] not in wire.seen


def test_the_roster_says_whom_to_dial_by_tls(shoal, authority, source, tmp_path):
    """The certificates of the near peer are worthless: it can come only in the clear, and does."""
    foreign = Authority(tmp_path / "foreign", "foreign")
    tracker = shoal.tracker("--interval", "2")
    policy = ("--tracker", tracker.url, "--tls-policy", "otherCloud=tls")
    shoal.seed(source, "--locality", "a/r/1", *policy, *authority.options("seed"))
    near = shoal.pull("org/model@1", "--locality", "a/r/2", *policy, *foreign.options("near"))
    far = shoal.pull("org/model@1", "--locality", "b/r/1", *policy, *authority.options("far"))
    for report, proximity in ((near, "region"), (far, "otherCloud")):
        assert_same(source, report["path"])
        assert [each["proximity"] for each in report["from"]] == [proximity]
    stranger = shoal.start_pull("org/model@1", "--locality", "b/r/2", *policy, "--timeout", "4",
                                *foreign.options("stranger"))  # fmt: skip
    stranger.wait(20)
    assert stranger.status == 7, stranger.describe()
    assert "TLS: " in stranger.stderr


def test_plaintext_from_where_tls_is_due_is_refused_and_named(shoal, authority, source, tmp_path):
    torrent = tmp_path / "model.torrent"
    seed = shoal.seed(source, "--output", torrent, "--locality", "a/r/1", "--tls-policy",
                      "otherCloud=tls", *authority.options("seed"))  # fmt: skip
    far = shoal.start_pull(torrent, "--locality", "b/r/1", "--timeout", "4", peers=[seed.endpoint])
    far.wait(20)
    assert far.status == 7, far.describe()
    eventually(lambda: "plaintext refused: 'b/r/1' (otherCloud) must use TLS" in seed.stderr, 5, "it is named")
    near = shoal.pull(torrent, "--locality", "a/r/2", peers=[seed.endpoint])
    assert_same(source, near["path"])


def test_plaintext_is_refused_at_its_first_byte_where_none_is_allowed(shoal, authority, source, tmp_path):
    torrent = tmp_path / "model.torrent"
    seed = shoal.seed(source, "--output", torrent, "--tls-policy", "rack=tls", *authority.options("seed"))
    pull = shoal.start_pull(torrent, "--timeout", "4", peers=[seed.endpoint])
    pull.wait(20)
    assert pull.status == 7, pull.describe()
    eventually(lambda: "plaintext refused: the policy" in seed.stderr, 5, "it is named")


def test_an_expired_certificate_is_refused_by_name_at_both_ends(shoal, authority, source, tmp_path):
    torrent = tmp_path / "model.torrent"
    seed = shoal.seed(source, "--output", torrent, *authority.options("seed"))
    # One that calls us.
    with socket.create_connection(seed.endpoint) as plain:
        with pytest.raises((ssl.SSLError, OSError)):
            with authority.context("late-client", server=False, days=-1).wrap_socket(plain) as client:
                client.sendall(b"\x13BitTorrent protocol")
                while client.recv(1):
                    pass
    eventually(lambda: "'/CN=late-client' expired on" in seed.stderr, 5, "the client is named")
    # One that we call.
    late = endpoint()
    listener = socket.create_server(late)
    context = authority.context("late-server", server=True, days=-1)

    def answer():
        while True:
            try:
                plain, _ = listener.accept()
                context.wrap_socket(plain, server_side=True).close()
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=answer, daemon=True).start()
    pull = shoal.start_pull(torrent, "--timeout", "3", "--tls-policy", "rack=tls",
                            *authority.options("peer"), peers=[late])  # fmt: skip
    pull.wait(20)
    listener.close()
    assert pull.status == 7, pull.describe()
    assert "'/CN=late-server' expired on" in pull.stderr
    assert endpoint_text(late) in pull.stderr


def test_flaws_of_our_own_files_are_named_at_the_start(shoal, authority, source, tmp_path):
    torrent = shoal.publish(source, tmp_path / "model.torrent")
    foreign = Authority(tmp_path / "foreign", "foreign")
    good = dict(zip(("cert", "key"), authority.sign("peer")), ca=authority.path("pem"))
    expired, _ = authority.sign("late", days=-1)
    cases = [
        ({"cert": tmp_path / "none.pem"}, ("none.pem", "No such file")),
        ({"key": authority.path("key", "late")}, ("late.key", "not the key")),
        ({"ca": foreign.path("pem")}, ("peer.pem", "is not signed by", "foreign/ca.pem")),
        ({"cert": expired, "key": authority.path("key", "late")}, ("late.pem", "expired on")),
        ({"ca": torrent}, ("model.torrent", "no certificate in PEM")),
        ({"key": None}, ("tls-key is not set",)),
    ]
    for change, words in cases:
        files = {**good, **change}
        flags = [part for name, path in files.items() if path for part in (f"--tls-{name}", path)]
        pull = shoal.run("pull", torrent, "--data", tmp_path / "data", *flags)
        assert pull.status == 1, pull.describe()
        for word in words:
            assert word in pull.stderr, pull.describe()
    pull = shoal.run("pull", torrent, "--data", tmp_path / "data", "--tls-policy", "cloud=tls")
    assert pull.status == 1 and "has no certificates" in pull.stderr, pull.describe()
    pull = shoal.run("pull", torrent, "--data", tmp_path / "data", "--tls-policy", "rack=tls,cloud=plain")
    assert pull.status == 64 and "cloud cannot be plain" in pull.stderr, pull.describe()


def test_changed_certificates_are_used_without_a_restart(shoal, authority, source, tmp_path):
    """A seed whose authority is replaced by another lets in the peers of the other one."""
    torrent = tmp_path / "model.torrent"
    options = authority.options("seed")
    seed = shoal.seed(source, "--output", torrent, "--tls-policy", "rack=tls", *options)
    other = Authority(tmp_path / "other", "other")
    peer = ("--tls-policy", "rack=tls", *other.options("peer"))
    refused = shoal.start_pull(torrent, "--timeout", "3", *peer, peers=[seed.endpoint])
    refused.wait(20)
    assert refused.status == 7, refused.describe()
    certificate, key = other.sign("seed")
    for fresh, used in ((certificate, options[1]), (key, options[3]), (other.path("pem"), options[5])):
        # As certificate managers do it: a new file is moved over the old one.
        shutil.copy(fresh, f"{used}.new")
        shutil.move(f"{used}.new", used)
    report = shoal.pull(torrent, *peer, peers=[seed.endpoint])
    assert_same(source, report["path"])


def test_peers_over_tls_end_within_two_seconds(shoal, authority, source, tmp_path):
    torrent = tmp_path / "model.torrent"
    options = ("--tls-policy", "rack=tls", *authority.options("one"))
    seed = shoal.seed(source, "--output", torrent, *options)
    report = last_object(shoal.succeed(
        "pull", torrent, "--data", tmp_path / "data", "--to", tmp_path / "to", "--peer",
        endpoint_text(seed.endpoint), "--json", *options).stdout)  # fmt: skip
    assert_same(source, report["path"])
    seed.stop()
