"""libtorrent, the other client of the interoperability tests."""

import libtorrent as lt
from processes import endpoint_text, eventually
from shoal import endpoint

# TCP alone, in the clear, with nobody found but through the tracker or by hand: what shoal speaks.
PLAIN = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_outgoing_utp": False,
    "enable_incoming_utp": False,
    "out_enc_policy": 2,
    "in_enc_policy": 2,
    "allow_multiple_connections_per_ip": True,
    "min_reconnect_time": 1,
    "tracker_backoff": 0,
    # The end of a session waits for its trackers no longer than this.
    "stop_tracker_timeout": 1,
    "min_announce_interval": 1,
    "alert_mask": lt.alert.category_t.all_categories,
}
# The client as it comes, but kept on this machine: uTP and encryption are tried first.
DEFAULT = {
    key: value
    for key, value in PLAIN.items()
    if key.startswith("enable_") and not key.endswith("_utp") or key.startswith("al")
}


class Client:
    """One libtorrent session with at most a few torrents."""

    def __init__(self, settings):
        self.endpoint = endpoint()
        listen = {"listen_interfaces": endpoint_text(self.endpoint)}
        self.session = lt.session({**settings, **listen})
        self.alerts = []
        eventually(lambda: self.session.is_listening(), 10, "libtorrent listens")

    def add(self, torrent, directory, seed_mode=False, peers=(), trackers=()):
        """Adds a .torrent file or a magnet link, with the files at `directory`/NAME."""
        if str(torrent).startswith("magnet:"):
            parameters = lt.parse_magnet_uri(str(torrent))
        else:
            parameters = lt.load_torrent_file(str(torrent))
        directory.mkdir(parents=True, exist_ok=True)
        parameters.save_path = str(directory)
        parameters.flags &= ~lt.torrent_flags.auto_managed
        parameters.flags &= ~lt.torrent_flags.paused
        if seed_mode:
            parameters.flags |= lt.torrent_flags.seed_mode
        if trackers:
            parameters.trackers = list(trackers)
        handle = self.session.add_torrent(parameters)
        for peer in peers:
            handle.connect_peer(peer)
        return handle

    def seed(self, torrent, directory, **options):
        """Adds what is already at `directory`/NAME and waits until it is checked."""
        handle = self.add(torrent, directory, **options)
        self.finish(handle, 60)
        return handle

    def finish(self, handle, seconds):
        def is_done():
            self.collect()
            status = handle.status()
            assert not status.errc.value(), status.errc.message()
            return status.is_seeding

        try:
            eventually(is_done, seconds, "libtorrent has everything")
            # It may still hold the last blocks in memory.
            handle.flush_cache()
            self.await_alert("cache_flushed_alert", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.describe(handle)}") from None

    def resume_data(self, handle):
        """What libtorrent would keep of the torrent over a restart."""
        handle.save_resume_data(lt.save_resume_flags_t.save_info_dict)
        return lt.write_resume_data_buf(self.await_alert("save_resume_data_alert", 10).params)

    def resume(self, data):
        parameters = lt.read_resume_data(data)
        parameters.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
        handle = self.session.add_torrent(parameters)
        self.finish(handle, 30)
        return handle

    def await_alert(self, kind, seconds):
        """The next alert of the type named `kind`."""

        def found():
            return next((each for each in self.collect() if type(each).__name__ == kind), None)

        return eventually(found, seconds, f"libtorrent's {kind}")

    def close(self):
        """Ends the session: it has no other end than that nobody refers to it."""
        self.session = None

    def collect(self):
        """The alerts since the last call; their text is kept for failure messages."""
        alerts = self.session.pop_alerts()
        self.alerts += [f"{type(each).__name__}: {each.message()}" for each in alerts]
        del self.alerts[:-2000]
        return alerts

    def describe(self, handle):
        self.collect()
        status = handle.status()
        return f"progress {status.progress:.3f}\n" + "\n".join(self.alerts[-40:])


def create(directory, piece_length, torrent, flags=lt.create_torrent.v2_only):
    """The .torrent that libtorrent makes of `directory`."""
    made = lt.create_torrent(lt.list_files(str(directory)), piece_length, flags)
    lt.set_piece_hashes(made, str(directory.parent))
    data = lt.bencode(made.generate())
    torrent.write_bytes(data)
    return torrent
