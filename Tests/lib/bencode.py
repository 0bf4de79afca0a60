"""Bencoding (BEP 3), for tests: bytes for strings, and no leniency."""


def encode(value):
    match value:
        case int():
            return b"i%de" % value
        case bytes():
            return b"%d:%s" % (len(value), value)
        case str():
            return encode(value.encode())
        case list():
            return b"l" + b"".join(map(encode, value)) + b"e"
        case dict():
            keys = {key.encode() if isinstance(key, str) else key: key for key in value}
            items = (encode(key) + encode(value[keys[key]]) for key in sorted(keys))
            return b"d" + b"".join(items) + b"e"
    raise TypeError(f"cannot bencode {type(value)}")


def decode(data):
    value, end = decode_at(data, 0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes after the value")
    return value


def decode_at(data, at):
    """The value that starts at offset `at`, and the offset after it."""
    lead = data[at : at + 1]
    if lead == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if lead == b"l" or lead == b"d":
        values, at = [], at + 1
        while data[at : at + 1] != b"e":
            value, at = decode_at(data, at)
            values.append(value)
        if lead == b"l":
            return values, at + 1
        return dict(zip(values[0::2], values[1::2], strict=True)), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    if end > len(data):
        raise ValueError("a string longer than the data")
    return data[colon + 1 : end], end
