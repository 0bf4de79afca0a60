package import SwarmModel

/// The payload of `shoal_uplink`: one byte whose lowest bit says that the sender is slow, the
/// others being kept for later versions, and eight bytes in network order, bytes a second.
package enum UplinkReportCodec {
    package static let payloadLength = 9

    package static func encode(_ report: UplinkReport) -> [UInt8] {
        var bytes: [UInt8] = [report.isSlow ? 1 : 0]
        bytes.append(bigEndian: UInt32(report.bytesPerSecond >> 32))
        bytes.append(bigEndian: UInt32(truncatingIfNeeded: report.bytesPerSecond))
        return bytes
    }

    /// Of a payload of ``payloadLength`` bytes.
    package static func decode(_ payload: RawSpan) -> UplinkReport {
        let (high, low) = (payload.bigEndian32(at: 1), payload.bigEndian32(at: 5))
        return UplinkReport(
            bytesPerSecond: UInt64(high) << 32 | UInt64(low),
            isSlow: payload.byte(at: 0) & 1 == 1
        )
    }
}
