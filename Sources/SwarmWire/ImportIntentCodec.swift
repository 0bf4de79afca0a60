package import SwarmModel

/// The payload of `shoal_intent`: one byte 0 for an intent or 1 for a withdrawal, one byte of
/// level, two bytes of lifetime in tenths of a second, and four bytes for each piece, all in
/// network order. Other first bytes are kept for later versions and skipped.
package enum ImportIntentCodec {
    package static let headLength = 4
    package static let levels = 0...Locality.levelCountMax + 1
    package static let payloadLengthMax = headLength + 4 * ImportIntent.pieceCountMax

    package static func encode(_ intent: ImportIntent) -> [UInt8] {
        let tenths = UInt16(clamping: intent.lifetime.nanoseconds / 100_000_000)
        var bytes: [UInt8] = [
            intent.isWithdrawal ? 1 : 0, intent.level, UInt8(tenths >> 8),
            UInt8(truncatingIfNeeded: tenths),
        ]
        bytes.reserveCapacity(headLength + 4 * intent.pieces.count)
        for piece in intent.pieces { bytes.append(bigEndian: piece) }
        return bytes
    }

    /// Nil for a kind that we do not know.
    package static func decode(_ payload: RawSpan) throws(PeerWireError) -> ImportIntent? {
        let length = payload.byteCount
        guard length >= headLength + 4, length <= payloadLengthMax, length % 4 == 0 else {
            throw .intentLength(length)
        }
        let kind = payload.byte(at: 0)
        guard kind <= 1 else { return nil }
        let level = payload.byte(at: 1)
        guard levels.contains(Int(level)) else { throw .intentLevel(level) }
        let tenths = Int64(payload.byte(at: 2)) << 8 | Int64(payload.byte(at: 3))
        return ImportIntent(
            isWithdrawal: kind == 1,
            level: level,
            lifetime: .milliseconds(100 * tenths),
            pieces: stride(from: headLength, to: length, by: 4).map { payload.bigEndian32(at: $0) }
        )
    }
}
