import SwarmModel
import SwarmWire
import Testing

@Suite("Peer frames")
struct PeerFrameTests {
    /// The receiver's ids, as libtorrent gives them out.
    static let remote = RemoteExtensions(
        metadata: 2,
        doesNotHave: 7,
        uploadOnly: 3,
        intent: 9,
        uplink: 11
    )
    static let ours = RemoteExtensions(
        metadata: LocalExtensionID.metadata,
        doesNotHave: LocalExtensionID.doesNotHave,
        uploadOnly: LocalExtensionID.uploadOnly,
        intent: LocalExtensionID.intent,
        uplink: LocalExtensionID.uplink
    )

    static let block = RawBlock(piece: 1, begin: 0x4000, length: 0x1_0203)
    static let blockHex = "00000001 00004000 00010203"
    static let range = HashRange(
        root: Digest(Array(0..<32))!,
        baseLayer: 2,
        index: 4,
        length: 8,
        proofLayers: 9
    )
    static let rangeHex =
        "000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f "
        + "00000002 00000004 00000008 00000009"
    static let hashes = [Digest.zero, Digest([UInt8](repeating: 0xAB, count: 32))!]
    static let hashesHex =
        String(repeating: "00", count: 32) + String(repeating: "ab", count: 32)

    static let golden: [(PeerMessage, String)] = [
        (.keepAlive, "00000000"),
        (.choke, "00000001 00"),
        (.unchoke, "00000001 01"),
        (.interested, "00000001 02"),
        (.notInterested, "00000001 03"),
        (.have(0x0102_0304), "00000005 04 01020304"),
        (.bitfield([0xF0, 0x80]), "00000003 05 f080"),
        (.bitfield([]), "00000001 05"),
        (.request(block), "0000000d 06 \(blockHex)"),
        (.cancel(block), "0000000d 08 \(blockHex)"),
        (.suggest(.max), "00000005 0d ffffffff"),
        (.haveAll, "00000001 0e"),
        (.haveNone, "00000001 0f"),
        (.reject(block), "0000000d 10 \(blockHex)"),
        (.allowedFast(7), "00000005 11 00000007"),
        (.hashRequest(range), "00000031 15 \(rangeHex)"),
        (.hashes(range, hashes), "00000071 16 \(rangeHex) \(hashesHex)"),
        (.hashes(range, []), "00000031 16 \(rangeHex)"),
        (.hashReject(range), "00000031 17 \(rangeHex)"),
    ]

    @Test("every message has its one encoding", arguments: golden)
    func goldenFrames(message: PeerMessage, expected: String) throws {
        var bytes: [UInt8] = [0xEE]
        #expect(PeerFrameCodec.encode(message, extensions: .none, into: &bytes))
        #expect(bytes == [0xEE] + hex(expected))
        #expect(try PeerFrameCodec.decode(frame: Array(bytes.dropFirst(5))) == message)
    }

    @Test("an intent of another length or level is refused, of another kind skipped")
    func intents() throws {
        let frame = { (payload: String) in [20, LocalExtensionID.intent] + hex(payload) }
        for payload in [
            "", "00 01 0000", "00 01 0000 00000001 00",
            "00 08 0000 00000001", "01 ff 0000 00000001",
        ] {
            #expect(throws: PeerWireError.self, "\(payload)") {
                try PeerFrameCodec.decode(frame: frame(payload))
            }
        }
        let many = String(repeating: "00000001", count: ImportIntent.pieceCountMax)
        #expect(throws: Never.self) {
            try PeerFrameCodec.decode(frame: frame("00 01 0000" + many))
        }
        #expect(throws: PeerWireError.self) {
            try PeerFrameCodec.decode(frame: frame("00 01 0000 00000001" + many))
        }
        #expect(
            try PeerFrameCodec.decode(frame: frame("02 01 0000 00000001")) == .unknown(id: 20)
        )
    }

    @Test("a shoal_uplink of another length is refused, and bits of a later version are skipped")
    func uplinks() throws {
        let frame = { (payload: String) in [20, LocalExtensionID.uplink] + hex(payload) }
        for payload in ["", "00", "00 00000000000000", "00 000000000000000000"] {
            #expect(throws: PeerWireError.self) {
                try PeerFrameCodec.decode(frame: frame(payload))
            }
        }
        let later = try PeerFrameCodec.decode(frame: frame("fe 0000000000000005"))
        #expect(later == .uplink(UplinkReport(bytesPerSecond: 5, isSlow: false)))
    }

    @Test("extension messages go out under the receiver's ids and come in under ours")
    func extensionMessages() throws {
        let messages: [(PeerMessage, sent: String, payload: [UInt8])] = [
            (.doesNotHave(5), "00000006 14 07", hex("00000005")),
            (.uploadOnly(true), "00000003 14 03", [1]),
            (.uploadOnly(false), "00000003 14 03", [0]),
            (
                .intent(
                    ImportIntent(
                        isWithdrawal: false,
                        level: 2,
                        lifetime: .seconds(5),
                        pieces: [7, 0x0102_0304]
                    )
                ), "0000000e 14 09", hex("00 02 0032 00000007 01020304")
            ),
            (
                .intent(
                    ImportIntent(isWithdrawal: true, level: 1, lifetime: .zero, pieces: [7])
                ), "0000000a 14 09", hex("01 01 0000 00000007")
            ),
            (
                .uplink(UplinkReport(bytesPerSecond: 0x0102_0304_0506_0708, isSlow: true)),
                "0000000b 14 0b", hex("01 0102030405060708")
            ),
            (
                .uplink(UplinkReport(bytesPerSecond: 9, isSlow: false)), "0000000b 14 0b",
                hex("00 0000000000000009")
            ),
            (.metadata(.request(piece: 3)), "0000001b 14 02", raw("d8:msg_typei0e5:piecei3ee")),
            (.metadata(.reject(piece: 4)), "0000001b 14 02", raw("d8:msg_typei2e5:piecei4ee")),
            (
                .metadata(.data(piece: 0, totalSize: 150, bytes: raw("xyz"))), "00000030 14 02",
                raw("d8:msg_typei1e5:piecei0e10:total_sizei150eexyz")
            ),
        ]
        for (message, sent, payload) in messages {
            var bytes: [UInt8] = []
            #expect(PeerFrameCodec.encode(message, extensions: Self.remote, into: &bytes))
            #expect(bytes == hex(sent) + payload)
            var none: [UInt8] = []
            #expect(!PeerFrameCodec.encode(message, extensions: .none, into: &none))
            #expect(none.isEmpty)
            var returned: [UInt8] = []
            PeerFrameCodec.encode(message, extensions: Self.ours, into: &returned)
            #expect(try PeerFrameCodec.decode(frame: Array(returned.dropFirst(4))) == message)
        }
    }

    @Test("of a piece only the head is a message")
    func pieceHead() throws {
        var bytes: [UInt8] = []
        PeerFrameCodec.encode(.piece(Self.block), extensions: .none, into: &bytes)
        #expect(bytes == hex("0001020c 07 00000001 00004000"))
        let head = Array(bytes.dropFirst(4))
        let decoded = try PeerFrameCodec.pieceHead(head.span.bytes, frameLength: 9 + 0x1_0203)
        #expect(decoded == Self.block)
        let whole = head + [UInt8](repeating: 1, count: 20)
        let message = try PeerFrameCodec.decode(frame: whole)
        #expect(message == .piece(RawBlock(piece: 1, begin: 0x4000, length: 20)))
        let limit = 9 + PeerFrameCodec.payloadLengthMax
        #expect(try PeerFrameCodec.pieceHead(head.span.bytes, frameLength: limit).length == 1 << 20)
        #expect(throws: PeerWireError.frameTooLong(id: 7, length: limit + 1, limit: limit)) {
            try PeerFrameCodec.pieceHead(head.span.bytes, frameLength: limit + 1)
        }
        #expect(throws: PeerWireError.frameLength(id: 7, length: 8, expected: 9)) {
            try PeerFrameCodec.pieceHead(head.span.bytes, frameLength: 8)
        }
        let short: [UInt8] = [7, 0, 0]
        #expect(throws: PeerWireError.frameLength(id: 7, length: 3, expected: 9)) {
            try PeerFrameCodec.pieceHead(short.span.bytes, frameLength: 9)
        }
    }

    @Test("a frame of another length than its id says is refused, for every length up to 64")
    func refusesLengths() {
        let fixed: [UInt8: Int] = [
            0: 1, 1: 1, 2: 1, 3: 1, 4: 5, 6: 13, 8: 13, 13: 5, 14: 1, 15: 1, 16: 13, 17: 5, 21: 49,
            23: 49,
        ]
        for (id, expected) in fixed {
            for length in 1...64 where length != expected {
                let frame = [id] + [UInt8](repeating: 0, count: length - 1)
                let error = PeerWireError.frameLength(id: id, length: length, expected: expected)
                #expect(throws: error) { try PeerFrameCodec.decode(frame: frame) }
                #expect(throws: error) { try PeerFrameCodec.check(id: id, frameLength: length) }
            }
        }
        for length in 1...120 where length < 49 || (length - 49) % 32 != 0 {
            let frame = [22] + [UInt8](repeating: 0, count: length - 1)
            #expect(throws: PeerWireError.hashesLength(length)) {
                try PeerFrameCodec.decode(frame: frame)
            }
        }
    }

    @Test("the limit of every id is exact")
    func enforcesLimits() throws {
        for id in [UInt8(5), 7, 20, 22, 9, 18, 255] {
            let limit = PeerFrameCodec.frameLengthMax(id: id)
            try PeerFrameCodec.check(id: id, frameLength: limit)
            #expect(throws: PeerWireError.frameTooLong(id: id, length: limit + 1, limit: limit)) {
                try PeerFrameCodec.check(id: id, frameLength: limit + 1)
            }
            #expect(id == 7 || limit <= PeerFrameCodec.controlFrameLengthMax)
        }
        #expect(PeerFrameCodec.frameLengthMax(id: 5) == 1 + (256 << 10))
        #expect(PeerFrameCodec.frameLengthMax(id: 22) >= 49 + (8192 + 14) * 32)
    }

    @Test("messages and extensions that we do not know are skipped")
    func skipsUnknown() throws {
        for id in [UInt8(9), 10, 11, 12, 18, 19, 24, 255] {
            #expect(try PeerFrameCodec.decode(frame: [id, 1, 2]) == .unknown(id: id))
        }
        #expect(try PeerFrameCodec.decode(frame: [20, 6, 1]) == .unknown(id: 20))
        #expect(try PeerFrameCodec.decode(frame: [20, 255]) == .unknown(id: 20))
        #expect(throws: PeerWireError.frameLength(id: 20, length: 1, expected: 2)) {
            try PeerFrameCodec.decode(frame: [20])
        }
        #expect(throws: PeerWireError.frameLength(id: 20, length: 5, expected: 6)) {
            try PeerFrameCodec.decode(frame: [20, LocalExtensionID.doesNotHave, 0, 0, 0])
        }
        #expect(throws: PeerWireError.frameLength(id: 20, length: 2, expected: 3)) {
            try PeerFrameCodec.decode(frame: [20, LocalExtensionID.uploadOnly])
        }
        var bytes: [UInt8] = []
        #expect(!PeerFrameCodec.encode(.unknown(id: 9), extensions: .none, into: &bytes))
        #expect(bytes.isEmpty)
    }

    // MARK: Handshake

    @Test("a handshake is 68 bytes with the bits of the extensions that are spoken")
    func handshake() throws {
        for (extensions, fast) in [(true, true), (true, false), (false, true), (false, false)] {
            let handshake = Handshake(
                swarm: sampleSwarm,
                peer: samplePeer,
                supportsExtensions: extensions,
                supportsFast: fast
            )
            let bytes = PeerFrameCodec.encode(handshake)
            let reserved = hex("0000000000\(extensions ? "10" : "00")00\(fast ? "04" : "00")")
            #expect(
                bytes == raw("\u{13}BitTorrent protocol") + reserved + sampleSwarm.bytes
                    + samplePeer.bytes
            )
            #expect(try PeerFrameCodec.decodeHandshake(bytes) == handshake)
        }
    }

    @Test("libtorrent's handshake is understood")
    func libtorrentHandshake() throws {
        let bytes =
            raw("\u{13}BitTorrent protocol") + hex("0000000000100005") + sampleSwarm.bytes
            + raw("-LT2110-OMbuEU(wS18t")
        let handshake = try PeerFrameCodec.decodeHandshake(bytes)
        #expect(handshake.supportsExtensions && handshake.supportsFast)
        #expect(handshake.peer.description == "-LT2110-OMbuEU(wS18t")
    }

    @Test("a handshake in another protocol is refused as early as it can be seen")
    func refusesHandshakes() {
        let good = PeerFrameCodec.encode(Handshake(swarm: sampleSwarm, peer: samplePeer))
        for count in 0..<68 {
            #expect(throws: PeerWireError.handshakeLength(count)) {
                try PeerFrameCodec.decodeHandshake(Array(good[..<count]))
            }
        }
        #expect(throws: PeerWireError.handshakeLength(69)) {
            try PeerFrameCodec.decodeHandshake(good + [0])
        }
        #expect(throws: PeerWireError.notBitTorrent(firstByte: 0x16)) {
            try PeerFrameCodec.decodeHandshake([0x16])
        }
        for index in 1...19 {
            var bad = good
            bad[index] ^= 0x20
            #expect(throws: PeerWireError.protocolName) {
                try PeerFrameCodec.decodeHandshake(Array(bad[...index]))
            }
        }
    }
}
