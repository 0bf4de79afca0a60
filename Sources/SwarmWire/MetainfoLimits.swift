/// What the reader of metainfo allows. Each limit bounds memory before it is used.
package struct MetainfoLimits: Hashable, Sendable {
    /// Longest file, in bytes: 1.5 TiB in pieces of 2 MiB need 25 MB.
    package var byteCountMax = 32 << 20
    package var fileCountMax = 100_000
    /// Most bencoded values. A file takes about ten; the reader keeps 20 bytes for each.
    package var tokenCountMax = 4_000_000
    package var trackerCountMax = 256
    package var trackerByteCountMax = 1024
    /// Most entries in each of `url-list` and `shoal origins`.
    package var originCountMax = 64
    /// Longest `comment` or `created by`, in bytes.
    package var textByteCountMax = 16_384

    package init() {}

    package static let `default` = MetainfoLimits()

    var bencode: BencodeLimits {
        BencodeLimits(byteCountMax: byteCountMax, tokenCountMax: tokenCountMax)
    }
}
