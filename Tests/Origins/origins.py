"""Files of origins."""

import json


def config(path, *origins):
    """Writes a file of origins and returns the flags that name it."""
    path.write_text(json.dumps({"origins": list(origins)}))
    return ["--origin-config", str(path)]


def web(server, identifier="web", **more):
    return {"id": identifier, "kind": "http", "url": server.url, "locality": "aws/us", **more}
