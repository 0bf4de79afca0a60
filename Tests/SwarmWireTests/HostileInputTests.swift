import SwarmModel
import SwarmWire
import Testing

/// Every decoder against every truncation of good input, and against seeded random changes of it.
/// That no input traps is what the run itself shows.
@Suite("Hostile input")
struct HostileInputTests {
    struct Decoder: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let samples: [[UInt8]]
        /// Whether a shorter input is never good.
        let refusesTruncation: Bool
        let decode: @Sendable ([UInt8]) throws -> Void

        init(
            _ name: String,
            _ samples: [[UInt8]],
            refusesTruncation: Bool = true,
            decode: @escaping @Sendable ([UInt8]) throws -> Void
        ) {
            testDescription = name
            self.samples = samples
            self.refusesTruncation = refusesTruncation
            self.decode = decode
        }
    }

    static func decoders() throws -> [Decoder] {
        let metainfo = try MetainfoTests.golden[0].make()
        let response = AnnounceResponse.success(try AnnounceResponseTests.success())
        let ours = ExtendedHandshakeCodec.encode(try ExtendedMessageTests.ours())
        let frames = PeerFrameTests.golden.dropFirst().map { Array(hex($0.1).dropFirst(4)) }
        let header = raw("d8:msg_typei1e5:piecei0e10:total_sizei11ee")
        let good = raw(AnnounceRequestTests.good)
        return [
            Decoder("metainfo", [MetainfoCodec.encode(metainfo)]) {
                _ = try MetainfoCodec.decode($0, hasher: TestHasher())
            },
            Decoder("info", [metainfo.info.infoBytes]) {
                _ = try MetainfoCodec.decodeInfo($0, hasher: TestHasher())
            },
            Decoder("frames of a fixed length", frames.filter { ![5, 22].contains($0[0]) }) {
                guard !$0.isEmpty else { throw PeerWireError.handshakeLength(0) }
                _ = try PeerFrameCodec.decode(frame: $0)
            },
            Decoder("other frames", frames, refusesTruncation: false) {
                _ = try PeerFrameCodec.decode(frame: $0)
            },
            Decoder(
                "handshake",
                [PeerFrameCodec.encode(Handshake(swarm: sampleSwarm, peer: samplePeer))]
            ) {
                _ = try PeerFrameCodec.decodeHandshake($0)
            },
            Decoder("extended handshake", [ours]) { _ = try ExtendedHandshakeCodec.decode($0) },
            Decoder("ut_metadata header", [header]) { _ = try MetadataCodec.decode($0) },
            Decoder(
                "announce response",
                [true, false].map {
                    AnnounceCodec.encodeResponse(response, isCompact: $0)
                }
            ) { _ = try AnnounceCodec.decodeResponse($0) },
            Decoder("scrape response", [raw("d5:filesd20:ABCDEFGHIJKLMNOPQRSTdeee")]) {
                _ = try AnnounceCodec.decodeScrapeResponse($0)
            },
            Decoder("announce query", [good], refusesTruncation: false) {
                _ = try AnnounceCodec.decodeRequest(query: $0)
                _ = try AnnounceCodec.decodeScrapeRequest(query: $0)
            },
            Decoder("magnet link", [raw("magnet:?xt=urn:btmh:1220" + MagnetLinkTests.hex)]) {
                _ = try MagnetLink(String(decoding: $0, as: UTF8.self))
            },
        ]
    }

    @Test("good input is accepted and no truncation of it is", arguments: try decoders())
    func refusesTruncation(decoder: Decoder) throws {
        for sample in decoder.samples {
            try decoder.decode(sample)
            for count in 0..<sample.count {
                let cut = Array(sample[..<count])
                if decoder.refusesTruncation {
                    #expect(throws: (any Error).self) { try decoder.decode(cut) }
                } else {
                    _ = try? decoder.decode(cut)
                }
            }
        }
    }

    @Test("thousands of random changes never trap", arguments: try decoders())
    func survivesMutation(decoder: Decoder) {
        var random = SeededRandom(seed: 52)
        var refusals = 0
        for round in 0..<3000 {
            let sample = decoder.samples[round % decoder.samples.count]
            do {
                try decoder.decode(random.mutated(sample))
            } catch {
                refusals += 1
            }
        }
        #expect(refusals > 0)
    }
}
