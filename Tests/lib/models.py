"""Generated models: the same bytes for the same seed, and comparison with what arrived."""

import hashlib
import os
import pathlib

import numpy

MIB = 1 << 20


def write_random(path, size, seed):
    """A file of incompressible bytes that depend on `seed` alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = numpy.random.Generator(numpy.random.SFC64(seed))
    with path.open("wb") as file:
        for start in range(0, size, 8 * MIB):
            file.write(generator.bytes(min(8 * MIB, size - start)))
    return path


def write_sparse(path, size, seed):
    """A file of mostly holes with a mark in each MiB and at its end: quick to make, all blocks
    of different marks different."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
        for start in range(0, size, MIB):
            mark = hashlib.sha256(f"{seed} {start}".encode()).digest()
            file.seek(start)
            file.write(mark[: size - start])
        if size > 0:
            file.seek(size - 1)
            file.write(b"\x5a")
    return path


def model(directory, size, seed=1):
    """A model's directory as trainers leave it: one big file of `size` bytes and small ones."""
    write_random(directory / "model.safetensors", size, seed)
    (directory / "config.json").write_text('{"hidden_size": 384}\n')
    (directory / "tokenizer.json").write_text('{"version": "1.0"}\n' * 400)
    (directory / "1_Pooling").mkdir(exist_ok=True)
    (directory / "1_Pooling" / "config.json").write_text("{}\n")
    return directory


def digests(directory):
    """SHA-256 of each file, by relative path."""
    found = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            path = pathlib.Path(folder, name)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[str(path.relative_to(directory))] = digest
    return found


def assert_same(original, copy):
    """Fails unless the two directories hold the same files with the same bytes."""
    expected, actual = digests(original), digests(copy)
    assert sorted(actual) == sorted(expected), f"files of {copy}"
    wrong = [path for path in expected if expected[path] != actual[path]]
    assert not wrong, f"different bytes in {copy}: {wrong}"


def flip_bytes(path, every=64 * 1024):
    """Inverts one byte in each `every` bytes, in place."""
    with path.open("r+b") as file:
        for offset in range(100, path.stat().st_size, every):
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 0xFF]))
