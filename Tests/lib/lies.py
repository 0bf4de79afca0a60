"""What an origin may do wrong: each function makes a `lie` for a `WebServer`, and FAULTS has what
peers say of it."""


def whole_file(server):
    def lie(handler, data, begin, end):
        server.send(handler, 200, data, ETag=server.tag(data))
        return True

    return lie


def short_body(server):
    """Says the right length and closes early."""

    def lie(handler, data, begin, end):
        half = begin + (end - begin) // 2
        server.partial(
            handler, data, begin, half, Content_Length=str(end - begin),
            Content_Range=f"bytes {begin}-{end - 1}/{len(data)}", Connection="close",
        )
        handler.close_connection = True
        return True

    return lie


def shorter_range(server):
    def lie(handler, data, begin, end):
        server.partial(handler, data, begin, begin + max(1, (end - begin) // 2))
        return True

    return lie


def long_body(server):
    def lie(handler, data, begin, end):
        body = data[begin:end] + b"more"
        server.send(
            handler, 206, body, Content_Range=f"bytes {begin}-{end - 1}/{len(data)}",
            Content_Length=None, Connection="close",
        )
        handler.close_connection = True
        return True

    return lie


def wrong_bytes(server):
    def lie(handler, data, begin, end):
        flipped = bytes(byte ^ 1 for byte in data[begin:end])
        server.send(
            handler, 206, flipped, Content_Range=f"bytes {begin}-{end - 1}/{len(data)}",
            ETag=server.tag(data),
        )
        return True

    return lie


def other_length(server):
    def lie(handler, data, begin, end):
        server.send(
            handler, 206, data[begin:end],
            Content_Range=f"bytes {begin}-{end - 1}/{len(data) + 1}",
        )
        return True

    return lie


def encoded(server):
    def lie(handler, data, begin, end):
        server.partial(handler, data, begin, end, Content_Encoding="gzip")
        return True

    return lie


def redirect(server):
    def lie(handler, data, begin, end):
        server.send(handler, 302, b"", Location=f"{server.elsewhere}{handler.path}")
        return True

    return lie


def not_there(server):
    def lie(handler, data, begin, end):
        server.send(handler, 404, b"")
        return True

    return lie


def forbidden(server):
    def lie(handler, data, begin, end):
        server.send(handler, 403, b"")
        return True

    return lie


def always_busy(server):
    def lie(handler, data, begin, end):
        server.send(handler, 503, b"slow down")
        return True

    return lie


def cut(server):
    """Cuts the connection before a byte of the answer."""

    def lie(handler, data, begin, end):
        handler.close_connection = True
        handler.connection.close()
        return True

    return lie


def changing(server):
    """Has another entity tag with each answer, and forgets what `If-Match` means."""
    count = [0]

    def lie(handler, data, begin, end):
        count[0] += 1
        server.partial(handler, data, begin, end, ETag=f'"{count[0]}"')
        return True

    return lie


FAULTS = {
    whole_file: "must support Range",
    short_body: "ended the body after",
    shorter_range: "another range",
    long_body: "another range",
    wrong_bytes: "do not match the version's hashes",
    other_length: "that was published with",
    encoded: "encoded as gzip",
    redirect: "redirects are not followed",
    not_there: "has no file",
    forbidden: "refuses access",
    always_busy: "is busy (status 503)",
    cut: "cannot be reached",
    changing: "another version of",
}
