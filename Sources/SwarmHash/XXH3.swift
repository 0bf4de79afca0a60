internal import CXXHash

/// XXH3, 64 bits, seed 0: a fast checksum against accidents on disk, not against anybody's intent.
// swift-format-ignore: AlwaysUseLowerCamelCase
package func xxh3_64(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    shoal_xxh3_64(bytes.baseAddress, bytes.count)
}
