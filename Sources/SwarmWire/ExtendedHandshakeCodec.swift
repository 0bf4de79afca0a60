package import SwarmModel

/// The extended handshake (BEP 10): a dictionary of optional keys. A key that is ill-formed is
/// taken as absent, since it may be meant for other clients; numbers are clamped to what we can
/// use.
package enum ExtendedHandshakeCodec {
    static let limits = BencodeLimits(
        byteCountMax: PeerFrameCodec.extendedFrameLengthMax,
        tokenCountMax: 4096
    )
    /// Longest client name that is kept, in characters.
    package static let clientNameLengthMax = 64
    /// Longest request queue that we believe in.
    package static let requestQueueLengthMax = 1 << 16

    package static func encode(_ handshake: ExtendedHandshake) -> [UInt8] {
        func number(_ value: (some BinaryInteger)?) -> BencodeTree? {
            value.map { .integer(Int(clamping: $0)) }
        }
        return BencodeTree.dictionary([
            (
                "m",
                .dictionary([
                    ("lt_donthave", number(handshake.doesNotHaveID)),
                    ("shoal_intent", number(handshake.intentID)),
                    ("shoal_uplink", number(handshake.uplinkID)),
                    ("upload_only", number(handshake.uploadOnlyID)),
                    ("ut_metadata", number(handshake.metadataID)),
                ])
            ),
            ("metadata_size", number(handshake.metadataSize)),
            ("p", number(handshake.listenPort)),
            ("reqq", number(handshake.requestQueueLength)),
            ("shoal_gen", handshake.generation.map { .text(String($0)) }),
            ("shoal_loc", handshake.locality.map { .text($0.description) }),
            ("shoal_maxreq", number(handshake.requestLengthMax)),
            ("upload_only", handshake.uploadOnly ? .integer(1) : nil),
            ("v", handshake.client.map { .text($0) }),
        ]).encoding
    }

    package static func decode(_ bytes: [UInt8]) throws(PeerWireError) -> ExtendedHandshake {
        let value: BencodeValue
        do throws(BencodeError) {
            value = try BencodeValue(bytes, limits: limits)
        } catch {
            throw .extensionHandshake(error)
        }
        guard let keys = value.dictionary else { throw .extensionHandshakeNotDictionary }
        let ids = keys["m"]?.dictionary
        return ExtendedHandshake(
            metadataID: number(ids?["ut_metadata"], in: 0...255),
            doesNotHaveID: number(ids?["lt_donthave"], in: 0...255),
            uploadOnlyID: number(ids?["upload_only"], in: 0...255),
            intentID: number(ids?["shoal_intent"], in: 0...255),
            uplinkID: number(ids?["shoal_uplink"], in: 0...255),
            client: keys["v"]?.text.map { String($0.prefix(clientNameLengthMax)) },
            listenPort: number(keys["p"], in: 1...65535),
            requestQueueLength: keys["reqq"]?.integer.map {
                min(max($0, 1), requestQueueLengthMax)
            },
            metadataSize: number(keys["metadata_size"], in: 1...MetadataCodec.totalSizeMax),
            uploadOnly: (keys["upload_only"]?.integer ?? 0) != 0,
            locality: locality(keys["shoal_loc"]),
            generation: keys["shoal_gen"]?.text.flatMap { Decimal.unsigned($0.utf8) },
            requestLengthMax: keys["shoal_maxreq"]?.integer.map {
                min(max($0, PieceGeometry.blockLength), PeerFrameCodec.payloadLengthMax)
            }
        )
    }

    package static func decode(_ bytes: RawSpan) throws(PeerWireError) -> ExtendedHandshake {
        guard bytes.byteCount <= limits.byteCountMax else {
            let (length, limit) = (bytes.byteCount, limits.byteCountMax)
            throw .extensionHandshake(BencodeError(.tooLong(bytes: length, limit: limit), at: 0))
        }
        return try decode(bytes.array())
    }

    private static func number<T: FixedWidthInteger>(
        _ value: BencodeValue?,
        in range: ClosedRange<Int>
    ) -> T? {
        guard let number = value?.integer, range.contains(number) else { return nil }
        return T(exactly: number)
    }

    private static func locality(_ value: BencodeValue?) -> Locality? {
        guard let text = value?.text else { return nil }
        do throws(Locality.Flaw) {
            return try Locality(text)
        } catch {
            return nil
        }
    }
}

/// Decimal numbers as text: digits only, no sign, no leading zeros.
enum Decimal {
    static func unsigned(_ text: some Collection<UInt8>) -> UInt64? {
        guard !text.isEmpty, text.count == 1 || text.first != UInt8(ascii: "0") else { return nil }
        var number: UInt64 = 0
        for byte in text {
            let digit = byte &- UInt8(ascii: "0")
            let (tenfold, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflowed) = tenfold.addingReportingOverflow(UInt64(digit))
            guard digit <= 9, !overflow, !overflowed else { return nil }
            number = sum
        }
        return number
    }
}
