"""libtorrent at its fastest, as a process of its own: one JSON object a line on stdout.

python bittorrent_client.py seed TORRENT DIRECTORY HOST:PORT
python bittorrent_client.py leech TORRENT DIRECTORY HOST:PORT HOST:PORT...
"""

import json
import resource
import sys
import time

import libtorrent as lt
from libtorrent_client import PLAIN

# What was found fastest on loopback: TCP alone in the clear (PLAIN), one thread for the disk and one for
# hashing (more only contend on two cores), a send buffer that holds whole pieces, deep request queues, and
# pread and pwrite (mapped files fault page by page).
FASTEST = {
    **PLAIN,
    "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.storage_notification,
    "aio_threads": 1,
    "hashing_threads": 1,
    "send_buffer_watermark": 4 << 20,
    "send_buffer_low_watermark": 1 << 20,
    "send_buffer_watermark_factor": 200,
    "max_out_request_queue": 5000,
    "max_allowed_in_request_queue": 10000,
    "request_queue_time": 3,
    "unchoke_slots_limit": -1,
    "max_queued_disk_bytes": 64 << 20,
    # Files below so many blocks are read and written rather than mapped: all of them.
    "mmap_file_size_cutoff": 0x7FFFFFFF,
    "disk_write_mode": 1,
    "suggest_mode": 0,
    "connections_limit": 200,
    "tick_interval": 100,
}


def say(**fields):
    print(json.dumps(fields), flush=True)


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def await_alert(session, kind):
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            if type(alert).__name__ == kind:
                return alert


def await_seeding(handle):
    while not handle.status().is_seeding:
        time.sleep(0.002)


def parameters(torrent, directory):
    given = lt.load_torrent_file(torrent)
    given.save_path = directory
    given.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    return given


def open_session(listen):
    return lt.session({**FASTEST, "listen_interfaces": listen})


def seed(torrent, directory, listen):
    """Checks the files once, then starts anew from the resume data: a seed that was only said to be one
    (seed_mode) would hash every piece again as it is first asked for."""
    session = open_session(listen)
    handle = session.add_torrent(parameters(torrent, directory))
    await_seeding(handle)
    handle.save_resume_data(lt.save_resume_flags_t.save_info_dict)
    data = lt.write_resume_data_buf(await_alert(session, "save_resume_data_alert").params)
    session.remove_torrent(handle)
    await_alert(session, "torrent_removed_alert")
    resumed = lt.read_resume_data(data)
    resumed.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    handle = session.add_torrent(resumed)
    await_seeding(handle)
    say(event="seeding")
    while True:
        time.sleep(60)
        session.pop_alerts()


def leech(torrent, directory, listen, peers):
    session = open_session(listen)
    given = parameters(torrent, directory)
    say(event="ready")
    sys.stdin.readline()
    began, used = time.monotonic(), cpu_seconds()
    handle = session.add_torrent(given)
    for peer in peers:
        host, port = peer.rsplit(":", 1)
        handle.connect_peer((host, int(port)))
    await_seeding(handle)
    handle.flush_cache()
    await_alert(session, "cache_flushed_alert")
    say(event="done", seconds=time.monotonic() - began, cpu=cpu_seconds() - used)
    # Others may still be fed.
    sys.stdin.readline()


if __name__ == "__main__":
    role, *rest = sys.argv[1:]
    seed(*rest) if role == "seed" else leech(*rest[:3], rest[3:])
