import AsyncHTTPClient
import Foundation
import NIOHTTP1
import SwarmHash
import SwarmModel
import Testing

@testable import SwarmOrigin

@Suite("Signatures of requests")
struct SignatureTests {
    @Test("HMAC-SHA256 gives the values of RFC 4231")
    func hmac() {
        let cases: [([UInt8], [UInt8], String)] = [
            (
                Array(repeating: 0x0B, count: 20), Array("Hi There".utf8),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                Array(repeating: 0xAA, count: 131),
                Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
        ]
        for (key, message, expected) in cases {
            #expect(hmacSHA256(key: key, message: message).hex == expected)
        }
    }

    /// The credentials of Amazon's examples.
    private static func signer() throws -> (S3Signer, URL) {
        let file = FileManager.default.temporaryDirectory
            .appending(path: "shoal-secrets-\(UUID().uuidString)")
        let secrets = [
            "accessKeyID": "AKIAIOSFODNN7EXAMPLE",
            "secretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ]
        try JSONEncoder().encode(secrets).write(to: file)
        var signer = S3Signer(secrets: .file(file.path), region: "us-east-1")
        signer.now = { Date(timeIntervalSince1970: 1_369_353_600) }
        return (signer, file)
    }

    @Test("S3's examples of ranged reads and listings are signed as Amazon signs them")
    func examples() throws {
        let (signer, file) = try Self.signer()
        defer { try? FileManager.default.removeItem(at: file) }
        let base = "https://examplebucket.s3.amazonaws.com"
        var read = HTTPClientRequest(url: base + "/test.txt")
        read.headers.add(name: "Range", value: "bytes=0-9")
        read.headers.add(name: "accept-encoding", value: "identity")
        try signer.sign(&read)
        let scope =
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
            + "aws4_request, "
        #expect(
            read.headers.first(name: "authorization") == scope
                + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                + "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        )
        var list = HTTPClientRequest(url: base + "/?max-keys=2&prefix=J")
        try signer.sign(&list)
        #expect(
            list.headers.first(name: "authorization") == scope
                + "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
                + "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        )
    }

    @Test("credentials that are not there are named, without a value")
    func missing() {
        let signer = S3Signer(
            secrets: .environment([.accessKeyID: "SHOAL_TEST_NO_SUCH_VARIABLE"]),
            region: "x"
        )
        var request = HTTPClientRequest(url: "http://host/a")
        let error = #expect(throws: OriginError.self) { try signer.sign(&request) }
        #expect(error?.description.contains("SHOAL_TEST_NO_SUCH_VARIABLE") == true)
        #expect(error?.fault.severity == .refusal)
    }
}

@Suite("What an answer says of itself")
struct AnswerTests {
    @Test(
        "Content-Range must name the range asked for",
        arguments: [
            ("bytes 10-19/100", 100), ("Bytes 10-19/100", 100), ("bytes 10-18/100", nil),
            ("bytes 0-9/100", nil), ("bytes 10-19/*", nil), ("bytes 10-19", nil), ("", nil),
            ("items 10-19/100", nil), ("bytes 10-19/100/1", nil),
        ] as [(String, Int?)]
    )
    func range(value: String, total: Int?) {
        #expect(HTTPOrigin.total(of: value, expected: 10..<20) == total)
    }

    @Test(
        "Retry-After is seconds or a date",
        arguments: [
            ("7", 7), ("-1", nil), ("soon", nil), ("999999999", 86_400),
            ("Fri, 24 May 2013 00:00:30 GMT", 30), ("Fri, 24 May 2013 00:00:00 GMT", 0),
            ("Thu, 23 May 2013 00:00:00 GMT", 0),
        ] as [(String, Int?)]
    )
    func retryAfter(value: String, seconds: Int?) {
        let headers = HTTPHeaders([("Retry-After", value)])
        let now = Date(timeIntervalSince1970: 1_369_353_600)
        #expect(HTTPOrigin.retryAfter(headers, now: now) == seconds.map { .seconds($0) })
    }
}
