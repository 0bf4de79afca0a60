"""Versions that nobody seeds, read from a bucket."""

import json
import os

import pytest

from bucket import Bucket
from models import assert_same
from origins import config
from shoal import received

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
