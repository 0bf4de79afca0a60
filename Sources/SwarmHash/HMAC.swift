package import SwarmModel

/// HMAC with SHA-256 (RFC 2104), for signatures of requests: short keys and messages.
package func hmacSHA256(key: [UInt8], message: [UInt8]) -> Digest {
    let blockLength = 64
    var block = key.count > blockLength ? sha256(key).bytes : key
    block += Array(repeating: 0, count: blockLength - block.count)
    let inner = sha256(block.map { $0 ^ 0x36 } + message)
    return sha256(block.map { $0 ^ 0x5C } + inner.bytes)
}
