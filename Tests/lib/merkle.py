"""BEP 52's Merkle trees, computed the long way: an oracle for hash requests."""

import hashlib

BLOCK = 16384
ZERO = bytes(32)


def sha256(data):
    return hashlib.sha256(data).digest()


def layers(data, piece_length):
    """The layers of a file's padded tree, leaves first, root last."""
    leaves = [sha256(data[start : start + BLOCK]) for start in range(0, len(data), BLOCK)]
    width = 1
    while width < len(leaves):
        width *= 2
    if len(data) > piece_length:
        width = max(width, piece_length // BLOCK)
    layer = leaves + [ZERO] * (width - len(leaves))
    found = [layer]
    while len(layer) > 1:
        layer = [sha256(layer[i] + layer[i + 1]) for i in range(0, len(layer), 2)]
        found.append(layer)
    return found


def reply(tree, base, index, length, proof_layers):
    """The hashes that answer a request (BEP 52): the run, then one uncle for each proof layer that
    cannot be computed from the run."""
    hashes = tree[base][index : index + length]
    computed = length.bit_length() - 1
    for step in range(max(computed - 1, 0), proof_layers):
        hashes.append(tree[base + 1 + step][(index >> (step + 1)) ^ 1])
    return hashes
