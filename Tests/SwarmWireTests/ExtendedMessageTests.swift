import SwarmModel
import SwarmWire
import Testing

@Suite("Extended messages")
struct ExtendedMessageTests {
    @Test("libtorrent's extended handshake is understood")
    func libtorrentHandshake() throws {
        // libtorrent 2.1.1, seeding.
        let bytes = raw(
            "d12:complete_agoi-1e1:md11:lt_donthavei7e10:share_modei8e11:upload_onlyi3e"
                + "12:ut_holepunchi4e11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei150e4:reqqi2000e"
                + "11:upload_onlyi1e1:v18:libtorrent/2.1.1.06:yourip4:\u{7F}\u{0}\u{0}\u{1}e"
        )
        let expected = ExtendedHandshake(
            metadataID: 2,
            doesNotHaveID: 7,
            uploadOnlyID: 3,
            client: "libtorrent/2.1.1.0",
            requestQueueLength: 2000,
            metadataSize: 150,
            uploadOnly: true
        )
        #expect(try ExtendedHandshakeCodec.decode(bytes) == expected)
        #expect(try ExtendedHandshakeCodec.decode(bytes.span.bytes) == expected)
        #expect(
            try PeerFrameCodec.decode(frame: [20, 0] + bytes) == .extendedHandshake(expected)
        )
        let ids = RemoteExtensions(metadata: 2, doesNotHave: 7, uploadOnly: 3)
        #expect(RemoteExtensions(expected) == ids)
    }

    static func ours() throws -> ExtendedHandshake {
        ExtendedHandshake(
            metadataID: LocalExtensionID.metadata,
            doesNotHaveID: LocalExtensionID.doesNotHave,
            uploadOnlyID: LocalExtensionID.uploadOnly,
            uplinkID: LocalExtensionID.uplink,
            client: "Shoal 0.1",
            listenPort: 6881,
            requestQueueLength: 512,
            metadataSize: 1000,
            uploadOnly: true,
            locality: try Locality("aws/us-east-1/rack17"),
            generation: .max,
            requestLengthMax: 1 << 20
        )
    }

    @Test("ours has one encoding, whatever other clients make of our keys")
    func ourHandshake() throws {
        let ours = try Self.ours()
        let bytes = ExtendedHandshakeCodec.encode(ours)
        #expect(
            bytes
                == raw(
                    "d1:md11:lt_donthavei2e12:shoal_uplinki5e11:upload_onlyi3e11:ut_metadatai1ee"
                        + "13:metadata_sizei1000e1:pi6881e4:reqqi512e"
                        + "9:shoal_gen20:184467440737095516159:shoal_loc"
                        + "20:aws/us-east-1/rack1712:shoal_maxreqi1048576e11:upload_onlyi1e"
                        + "1:v9:Shoal 0.1e"
                )
        )
        #expect(try ExtendedHandshakeCodec.decode(bytes) == ours)
        #expect(ExtendedHandshakeCodec.encode(ExtendedHandshake()) == raw("d1:mdee"))
        var frame: [UInt8] = []
        #expect(
            PeerFrameCodec.encode(.extendedHandshake(ours), extensions: .none, into: &frame)
        )
        #expect(frame == hex("000000f3 14 00") + bytes)
    }

    @Test(
        "an optional key that is ill-formed is dropped and the rest kept",
        arguments: [
            "d1:mi1e4:reqqi7ee", "d1:mle4:reqqi7ee", "d1:md11:ut_metadata1:2e4:reqqi7ee",
            "d1:md11:ut_metadatai256ee4:reqqi7ee", "d1:md11:ut_metadatai-1ee4:reqqi7ee",
            "d1:pi0e4:reqqi7ee", "d1:pi65536e4:reqqi7ee", "d1:p2:ab4:reqqi7ee",
            "d13:metadata_sizei0e4:reqqi7ee", "d13:metadata_sizei33554433e4:reqqi7ee",
            "d4:reqqi7e9:shoal_geni5ee", "d4:reqqi7e9:shoal_gen2:05e", "d4:reqqi7e9:shoal_gen2:-1e",
            "d4:reqqi7e9:shoal_loc2://e", "d4:reqqi7e9:shoal_loci1ee",
            "d4:reqqi7e12:shoal_maxreq1:xe", "d4:reqqi7e11:upload_only1:1e",
            "d4:reqqi7e1:v1:\u{FF}e",
            "d4:reqqi7e1:vlee", "d4:reqqi7e6:yourip1:xe",
        ]
    )
    func dropsBadKeys(text: String) throws {
        let expected = ExtendedHandshake(requestQueueLength: 7)
        #expect(try ExtendedHandshakeCodec.decode(raw(text)) == expected)
    }

    @Test("numbers are clamped to what can be used")
    func clampsNumbers() throws {
        func decode(_ text: String) throws -> ExtendedHandshake {
            try ExtendedHandshakeCodec.decode(raw(text))
        }
        #expect(try decode("d4:reqqi-5ee").requestQueueLength == 1)
        #expect(try decode("d4:reqqi9223372036854775807ee").requestQueueLength == 1 << 16)
        #expect(try decode("d12:shoal_maxreqi1ee").requestLengthMax == 16384)
        #expect(try decode("d12:shoal_maxreqi99999999ee").requestLengthMax == 1 << 20)
        let long = String(repeating: "a", count: 100)
        #expect(try decode("d1:v100:\(long)e").client?.count == 64)
    }

    @Test("a handshake that is no dictionary closes the connection")
    func refusesHandshakes() {
        #expect(throws: PeerWireError.extensionHandshakeNotDictionary) {
            try ExtendedHandshakeCodec.decode(raw("le"))
        }
        #expect(throws: PeerWireError.extensionHandshake(BencodeError(.trailingBytes, at: 2))) {
            try ExtendedHandshakeCodec.decode(raw("dex"))
        }
        let long = [UInt8](repeating: 0x30, count: 65537)
        let error = BencodeError(.tooLong(bytes: 65537, limit: 65536), at: 0)
        #expect(throws: PeerWireError.extensionHandshake(error)) {
            try ExtendedHandshakeCodec.decode(long.span.bytes)
        }
    }

    @Test("a later handshake changes only the ids that it names")
    func updatesIDs() {
        var ids = RemoteExtensions(metadata: 2, doesNotHave: 7)
        ids.update(with: ExtendedHandshake(metadataID: 0, uploadOnlyID: 9))
        #expect(ids == RemoteExtensions(doesNotHave: 7, uploadOnly: 9))
        ids.update(with: ExtendedHandshake())
        #expect(ids == RemoteExtensions(doesNotHave: 7, uploadOnly: 9))
    }

    // MARK: ut_metadata

    @Test("libtorrent's metadata piece is understood")
    func libtorrentMetadata() throws {
        let info = raw("d4:name1:xe")
        let bytes = raw("d8:msg_typei1e5:piecei0e10:total_sizei11ee") + info
        #expect(try MetadataCodec.decode(bytes) == .data(piece: 0, totalSize: 11, bytes: info))
        let span = bytes.span.bytes
        #expect(try MetadataCodec.decode(span) == .data(piece: 0, totalSize: 11, bytes: info))
    }

    static let metadataRefusals: [(String, PeerWireError)] = [
        ("", PeerWireError.metadataHeader(BencodeError(.endOfInput, at: 0))),
        ("le", .metadataKey("msg_type")),
        ("de", .metadataKey("msg_type")),
        ("d8:msg_type1:0e", .metadataKey("msg_type")),
        ("d8:msg_typei0ee", .metadataKey("piece")),
        ("d8:msg_typei0e5:piecei-1ee", .metadataKey("piece")),
        ("d8:msg_typei0e5:piecei4294967296ee", .metadataKey("piece")),
        ("d8:msg_typei0e5:piecei0eex", .metadataTrailingBytes(1)),
        ("d8:msg_typei2e5:piecei0eexy", .metadataTrailingBytes(2)),
        ("d8:msg_typei1e5:piecei0ee", .metadataKey("total_size")),
        ("d8:msg_typei1e5:piecei0e10:total_sizei0ee", .metadataKey("total_size")),
        ("d8:msg_typei1e5:piecei0e10:total_sizei33554433ee", .metadataKey("total_size")),
        (
            "d8:msg_typei1e5:piecei0e10:total_sizei20000ee"
                + String(repeating: "x", count: 16385),
            .metadataPieceTooLong(16385)
        ),
    ]

    @Test("a wrong ut_metadata message is refused", arguments: metadataRefusals)
    func refusesMetadata(text: String, error: PeerWireError) {
        #expect(throws: error) { try MetadataCodec.decode(raw(text)) }
        #expect(!error.description.isEmpty)
    }

    @Test("a type of metadata message that BEP 9 does not know is skipped")
    func skipsMetadataTypes() throws {
        #expect(try MetadataCodec.decode(raw("d8:msg_typei3e5:piecei0ee")) == nil)
        #expect(try MetadataCodec.decode(raw("d8:msg_typei-1ee")) == nil)
        let frame = [20, LocalExtensionID.metadata] + raw("d8:msg_typei3ee")
        #expect(try PeerFrameCodec.decode(frame: frame) == .unknown(id: 20))
    }
}
