"""The peer wire protocol by hand (BEP 3, 6, 10, 52), for peers that no proper client would be."""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import socket
import struct
import threading
import time

import bencode

BLOCK = 16384
CHOKE, UNCHOKE, INTERESTED, NOT_INTERESTED, HAVE, BITFIELD, REQUEST, PIECE, CANCEL = range(9)
SUGGEST, HAVE_ALL, HAVE_NONE, REJECT, ALLOWED_FAST = range(13, 18)
EXTENDED, HASH_REQUEST, HASHES, HASH_REJECT = range(20, 24)
# BEP 10 and BEP 6.
RESERVED = bytes([0, 0, 0, 0, 0, 0x10, 0, 0x04])


@dataclasses.dataclass
class Torrent:
    """What a hostile peer needs of a .torrent file."""

    info_hash: bytes
    info_bytes: bytes
    piece_length: int
    # (relative path, length, root) in the order of the piece space, empty files left out.
    files: list
    layers: dict

    @classmethod
    def load(cls, path):
        data = pathlib.Path(path).read_bytes()
        top = bencode.decode(data)
        # The exact bytes: an info-hash is never computed over a second encoding.
        start = data.index(b"4:info") + 6
        _, end = bencode.decode_at(data, start)
        files = []

        def walk(tree, path):
            for name in sorted(tree):
                node = tree[name]
                if b"" not in node:
                    walk(node, path + [name.decode()])
                elif node[b""][b"length"] > 0:
                    entry = node[b""]
                    files.append(
                        ("/".join([*path, name.decode()]), entry[b"length"], entry[b"pieces root"])
                    )

        walk(top[b"info"][b"file tree"], [])
        return cls(
            info_hash=hashlib.sha256(data[start:end]).digest(),
            info_bytes=data[start:end],
            piece_length=top[b"info"][b"piece length"],
            files=files,
            layers=top.get(b"piece layers", {}),
        )

    @property
    def swarm(self):
        return self.info_hash[:20]

    @property
    def magnet(self):
        return f"magnet:?xt=urn:btmh:1220{self.info_hash.hex()}"

    def pieces_of(self, length):
        return -(-length // self.piece_length)

    @property
    def piece_count(self):
        return sum(self.pieces_of(length) for _, length, _ in self.files)

    def locate(self, piece):
        """(relative path, offset in the file, bytes) of a piece."""
        for path, length, _ in self.files:
            count = self.pieces_of(length)
            if piece < count:
                offset = piece * self.piece_length
                return path, offset, min(self.piece_length, length - offset)
            piece -= count
        raise IndexError("no such piece")

    def first_piece(self, name):
        first = 0
        for path, length, _ in self.files:
            if path == name:
                return first
            first += self.pieces_of(length)
        raise KeyError(name)


def frame(kind, payload=b""):
    return struct.pack(">IB", 1 + len(payload), kind) + payload


def request(piece, begin, length):
    return frame(REQUEST, struct.pack(">III", piece, begin, length))


def handshake(swarm, peer=None, reserved=RESERVED):
    """The first 68 bytes. Without a peer id a new one: two connections of one peer are one too many."""
    peer = peer or b"-XX0000-" + os.urandom(6).hex().encode()
    return b"\x13BitTorrent protocol" + reserved + swarm + peer


class Closed(Exception):
    """The other end closed the connection."""


class Connection:
    """One TCP connection, with frames on top. Every read has a deadline."""

    def __init__(self, peer, seconds=10):
        self.socket = (
            peer
            if isinstance(peer, socket.socket)
            else socket.create_connection(peer, timeout=seconds)
        )
        self.socket.settimeout(seconds)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionError):
            raise Closed from None

    def read(self, count):
        while len(self.buffer) < count:
            try:
                data = self.socket.recv(max(65536, count - len(self.buffer)))
            except ConnectionError:
                raise Closed from None
            if not data:
                raise Closed
            self.buffer += data
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def receive(self):
        """The next message as (kind, payload); keep-alives are skipped."""
        while True:
            (length,) = struct.unpack(">I", self.read(4))
            if length:
                data = self.read(length)
                return data[0], data[1:]

    def receive_until(self, *kinds):
        while True:
            kind, payload = self.receive()
            if kind in kinds:
                return kind, payload

    def shake(self, swarm, **options):
        """Sends a handshake, reads the answer and returns its info-hash."""
        self.send(handshake(swarm, **options))
        answer = self.read(68)
        assert answer[:20] == b"\x13BitTorrent protocol"
        return answer[28:48]

    def join(self, torrent):
        """Handshake, extended handshake, nothing to offer, interested: until we may ask."""
        assert self.shake(torrent.swarm) == torrent.swarm
        self.send(frame(EXTENDED, b"\0" + bencode.encode({"m": {}})))
        self.send(frame(HAVE_NONE) + frame(INTERESTED))
        self.receive_until(UNCHOKE)

    def is_closed_within(self, seconds):
        """Whether the other end closes the connection. What it sends meanwhile is dropped."""
        deadline = time.monotonic() + seconds
        self.socket.settimeout(0.1)
        while time.monotonic() < deadline:
            try:
                if not self.socket.recv(65536):
                    return True
            except TimeoutError:
                continue
            except OSError:
                return True
        return False


class Seed:
    """A seed that the test can bend. As it stands it is honest; `answer` and `greet` may be
    overridden, and `bytes_per_second` slows it down. Counts what it sent."""

    def __init__(self, torrent, source, host="127.0.0.1", bytes_per_second=None):
        self.torrent = torrent
        self.source = pathlib.Path(source)
        self.bytes_per_second = bytes_per_second
        self.lock = threading.Lock()
        # Number of requests received, by (piece, begin).
        self.requests = {}
        # For each connection the pieces that it said it had on arrival, those that it asked for, and
        # when the last byte of a piece was sent to it.
        self.sessions = []
        self.errors = []
        self.connections = []
        self.listener = socket.create_server((host, 0), backlog=64)
        self.endpoint = self.listener.getsockname()
        self._allowance = time.monotonic()
        self._files = {}
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._open = False
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while self._open:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(accepted, seconds=120)
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.serve(connection)
        except (Closed, TimeoutError, OSError):
            pass
        except Exception as error:  # Shown by the test: a thread cannot fail it.
            self.errors.append(error)
        finally:
            connection.close()

    def serve(self, connection):
        """The conversation: greeting, then answers until the other end closes."""
        connection.read(68)
        # "told": the peer has said what it has, which one that is killed early has not.
        session = {"told": False, "has": set(), "asked": set(), "sent": {}, "whole": {}}
        with self.lock:
            self.sessions.append(session)
        self.greet(connection)
        while True:
            kind, payload = connection.receive()
            session["told"] |= kind in (BITFIELD, HAVE_ALL, HAVE_NONE)
            if kind == BITFIELD:
                session["has"] = {
                    bit
                    for bit in range(self.torrent.piece_count)
                    if payload[bit // 8] >> (7 - bit % 8) & 1
                }
            elif kind == HAVE_ALL:
                session["has"] = set(range(self.torrent.piece_count))
            elif kind == INTERESTED:
                connection.send(frame(UNCHOKE))
            elif kind == REQUEST:
                piece, begin, length = struct.unpack(">III", payload)
                session["asked"].add(piece)
                with self.lock:
                    key = (piece, begin)
                    self.requests[key] = self.requests.get(key, 0) + 1
                self.answer(connection, session, piece, begin, length)
                sent = session["sent"].get(piece, 0) + length
                session["sent"][piece] = sent
                if sent >= self.torrent.locate(piece)[2]:
                    session["whole"][piece] = time.monotonic()
            elif kind == HASH_REQUEST:
                connection.send(frame(HASH_REJECT, payload))

    def greet(self, connection):
        connection.send(handshake(self.torrent.swarm))
        connection.send(frame(EXTENDED, b"\0" + bencode.encode({"m": {}, "reqq": 250})))
        connection.send(frame(HAVE_ALL))

    def answer(self, connection, session, piece, begin, length):
        self.pace(length)
        self.send_block(connection, piece, begin, self.data(piece, begin, length))

    @staticmethod
    def send_block(connection, piece, begin, data):
        connection.send(frame(PIECE, struct.pack(">II", piece, begin) + data))

    def data(self, piece, begin, length):
        path, offset, piece_bytes = self.torrent.locate(piece)
        assert begin + length <= piece_bytes, f"request outside of piece {piece}"
        with self.lock:
            if path not in self._files:
                self._files[path] = (self.source / path).open("rb")
            file = self._files[path]
            file.seek(offset + begin)
            return file.read(length)

    def pace(self, length):
        """Waits until `length` more bytes may be sent by this seed to anybody."""
        if not self.bytes_per_second:
            return
        with self.lock:
            now = time.monotonic()
            self._allowance = max(now, self._allowance) + length / self.bytes_per_second
            delay = self._allowance - now
        if delay > 0.005:
            time.sleep(delay)
