"""Versions that nobody seeds, read from a bucket."""

import concurrent.futures
import os
import signal
import urllib.parse

import pytest

from bucket import KEY_ID, SECRET, Bucket
from models import MIB, assert_same, model
from origins import config
from processes import eventually
from shoal import received
from web_server import WebServer

ENVIRONMENT = {
    "environment": {
        "accessKeyID": "TEST_KEY_ID", "secretAccessKey": "TEST_SECRET",
        "sessionToken": "TEST_TOKEN",
    }
}


def environment(key_id, secret, token=""):
    return {**os.environ, "TEST_KEY_ID": key_id, "TEST_SECRET": secret, "TEST_TOKEN": token}


def total(directory):
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


@pytest.fixture
def bucket(tmp_path, source):
    with Bucket(tmp_path / "moto") as bucket:
        bucket.upload(source, "org/model/")
        yield bucket


def test_an_object_that_was_overwritten_is_not_used(shoal, source, publish, bucket, tmp_path):
    flags = config(tmp_path / "origins.json", bucket.origin())
    torrent = publish("--origin", "store:org/model", *flags)
    size = (source / "model.safetensors").stat().st_size
    bucket.s3.put_object(
        Bucket=bucket.name, Key="org/model/model.safetensors", Body=bytes(size)
    )
    pull = shoal.run("pull", torrent, *flags, "--timeout", "8", "--data", tmp_path / "d")
    assert pull.status != 0
    assert "do not match the version's hashes" in pull.stderr
    bucket.s3.put_object(Bucket=bucket.name, Key="org/model/model.safetensors", Body=b"short")
    pull = shoal.run("pull", torrent, *flags, "--timeout", "8", "--data", tmp_path / "d")
    assert pull.status != 0
    assert "another range" in pull.stderr or "was published with" in pull.stderr


def test_a_pull_with_signed_requests_shows_its_secret_nowhere(
    shoal, source, publish, bucket, tmp_path
):
    key_id, secret = bucket.user()
    bucket.lock()
    flags = config(tmp_path / "origins.json", bucket.origin(credentials=ENVIRONMENT))
    variables = environment(key_id, secret)
    torrent = tmp_path / "model.torrent"
    shoal.publish(source, torrent, "--origin", "store:org/model", *flags, env=variables)
    pull = shoal.start_pull(torrent, *flags, "--log-level", "trace", env=variables)
    report = shoal.finish(pull)
    assert_same(source, tmp_path / "shoal" / report["path"])
    assert received(report, "origin") == total(source)
    assert secret not in pull.output
    assert secret.encode() not in torrent.read_bytes()


@pytest.mark.parametrize(
    ("key_id", "secret", "code"),
    [("known", SECRET, "SignatureDoesNotMatch"), (KEY_ID, "known", "InvalidAccessKeyId")],
    ids=["secret", "key id"],
)
def test_a_wrong_key_is_named_and_asked_with_no_more(
    shoal, source, publish, bucket, tmp_path, key_id, secret, code
):
    torrent = publish(
        "--origin", "store:org/model", *config(tmp_path / "own.json", bucket.origin())
    )
    flags = config(tmp_path / "origins.json", bucket.origin(credentials=ENVIRONMENT))
    known_id, known_secret = bucket.user()
    bucket.lock()
    before = bucket.reads()
    pull = shoal.run(
        "pull", torrent, *flags, "--timeout", "6", "--data", tmp_path / "d",
        env=environment(
            known_id if key_id == "known" else key_id, known_secret if secret == "known" else secret
        ),
    )  # fmt: skip
    assert pull.status != 0
    assert "store" in pull.stderr and "refuses access" in pull.stderr
    assert code in pull.stderr and "credentials" in pull.stderr
    assert secret not in pull.output and known_secret not in pull.output
    assert bucket.reads() - before <= 8


def test_temporary_credentials_need_their_session_token(shoal, source, publish, bucket, tmp_path):
    torrent = publish(
        "--origin", "store:org/model", *config(tmp_path / "own.json", bucket.origin())
    )
    flags = config(tmp_path / "origins.json", bucket.origin(credentials=ENVIRONMENT))
    key_id, secret, token = bucket.role()
    bucket.lock()
    pull = shoal.run(
        "pull", torrent, *flags, "--timeout", "6", "--data", tmp_path / "d",
        env=environment(key_id, secret, "not-this-token"),
    )  # fmt: skip
    assert pull.status != 0
    assert "refuses access" in pull.stderr and "InvalidToken" in pull.stderr
    pull = shoal.start_pull(torrent, *flags, env=environment(key_id, secret, token))
    report = shoal.finish(pull)
    assert_same(source, tmp_path / "shoal" / report["path"])
    assert token not in pull.output


def test_files_are_found_behind_a_thousand_other_keys(shoal, source, publish, bucket, tmp_path):
    def put(number):
        bucket.s3.put_object(Bucket=bucket.name, Key=f"org/model/aaa/{number:04}", Body=b"x")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(1050)))
    flags = config(tmp_path / "origins.json", bucket.origin())
    listings = bucket.process.output.count("list-type=2")
    torrent = publish("--origin", "store:org/model", *flags)
    assert bucket.process.output.count("list-type=2") - listings == 2
    report = shoal.pull(torrent, *flags)
    assert_same(source, tmp_path / "shoal" / report["path"])


def test_an_object_that_is_overwritten_in_the_middle_never_mixes(shoal, bucket, tmp_path):
    source = model(tmp_path / "large" / "model", 24 * MIB)
    bucket.upload(source, "org/large/")
    flags = config(tmp_path / "origins.json", bucket.origin())
    torrent = tmp_path / "large.torrent"
    shoal.publish(
        source, torrent, "--origin", "store:org/large", "--piece-length", "16384", *flags
    )
    places = {"data": tmp_path / "data", "to": tmp_path / "view"}
    before = bucket.reads()
    pull = shoal.start_pull(torrent, *flags, "--timeout", "15", **places)
    # A read is of 64 pieces, so this is a quarter.
    eventually(lambda: bucket.reads() - before >= 6, 30, "the bucket is being read")
    pull.signal(signal.SIGSTOP)
    assert pull.status is None, pull.describe()
    whole = (source / "model.safetensors").read_bytes()
    key = {"Bucket": bucket.name, "Key": "org/large/model.safetensors"}
    bucket.s3.put_object(**key, Body=bytes(len(whole)))
    pull.signal(signal.SIGCONT)
    pull.wait(40)
    assert pull.status != 0
    assert "another version of 'model.safetensors'" in pull.stderr, pull.describe()
    bucket.s3.put_object(**key, Body=whole)
    report = shoal.pull(torrent, *flags, **places)
    assert_same(source, report["path"])


class ChangingBucket(WebServer):
    """A bucket whose listing is another one with each page."""

    def __init__(self, pages):
        super().__init__("/nonexistent")
        self.pages = pages

    def answer(self, handler):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(handler.path).query)
        keys, following = self.pages[query.get("continuation-token", ["first"])[0]]
        entries = "".join(
            f"<Contents><Key>org/model/{key}</Key><Size>7</Size></Contents>"
            for key in keys
        )
        more = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
        body = (
            '<?xml version="1.0"?><ListBucketResult><Name>models</Name>'
            f"<IsTruncated>{'true' if following else 'false'}</IsTruncated>{more}{entries}"
            "</ListBucketResult>"
        )
        self.send(handler, 200, body.encode())


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        ({"first": (["a", "b"], "2"), "2": (["b", "c"], None)}, "'org/model/b' comes twice"),
        ({"first": (["c"], "2"), "2": (["a"], None)}, "'org/model/a' comes twice"),
        ({"first": (["a"], "2"), "2": (["b"], "2")}, "the same page comes again"),
    ],
    ids=["a key again", "a key that is back", "a page again"],
)
def test_a_listing_that_changes_while_it_is_read_is_refused(shoal, source, tmp_path, pages, said):
    with ChangingBucket(pages) as server:
        origin = {"id": "store", "kind": "s3", "bucket": "models", "endpoint": server.url}
        process = shoal.run(
            "publish", source, "--name", "org/model", "--version", "1",
            "--output", tmp_path / "no.torrent", "--origin", "store:org/model",
            *config(tmp_path / "origins.json", origin),
        )  # fmt: skip
        assert process.status != 0
        assert "store:org/model" in process.stderr and "another listing" in process.stderr
        assert said in process.stderr, process.describe()
        assert not (tmp_path / "no.torrent").exists()
