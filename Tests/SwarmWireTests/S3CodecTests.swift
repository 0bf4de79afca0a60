import SwarmWire
import Testing

@Suite("Answers of S3 servers")
struct S3CodecTests {
    private static func page(_ body: String) throws(S3AnswerError) -> S3Page {
        try S3Codec.decodePage(
            Array("<?xml version=\"1.0\"?><ListBucketResult>\(body)</ListBucketResult>".utf8)
        )
    }

    @Test("a page has its objects, with entities decoded, and the way to the next")
    func page() throws {
        let page = try Self.page(
            """
            <Name>b</Name><IsTruncated>true</IsTruncated>
            <NextContinuationToken>a+/=&amp;</NextContinuationToken>
            <Contents><Key>m/a &lt;&#x62;&#99;&gt;</Key><ETag>&quot;e&quot;</ETag><Size>7</Size>\
            <Owner><ID>x</ID></Owner></Contents>
            <Contents><Key>n</Key><Size>0</Size></Contents>
            """
        )
        #expect(page.isTruncated)
        #expect(page.nextToken == "a+/=&")
        #expect(page.objects.map(\.key) == ["m/a <bc>", "n"])
        #expect(page.objects.map(\.size) == [7, 0])
        #expect(page.objects[0].tag == "\"e\"")
    }

    @Test(
        "what is no page is refused",
        arguments: [
            "", "x", "<a>", "</a>", "<Error/>", "<!DOCTYPE x [<!ENTITY a \"b\">]><a/>",
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
            "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
            "<ListBucketResult><Contents><Key>&nbsp;</Key></Contents></ListBucketResult>",
            "<ListBucketResult><Contents><Key>&#0;</Key></Contents></ListBucketResult>",
            "<ListBucketResult>" + String(repeating: "<a>", count: 20),
        ]
    )
    func refused(text: String) {
        #expect(throws: S3AnswerError.self) { try S3Codec.decodePage(Array(text.utf8)) }
    }

    @Test("keys and pages have limits")
    func limits() {
        let key = String(repeating: "k", count: 1025)
        #expect(throws: S3AnswerError.keyTooLong(bytes: 1025)) {
            try Self.page("<Contents><Key>\(key)</Key><Size>1</Size></Contents>")
        }
        let one = "<Contents><Key>k</Key><Size>1</Size></Contents>"
        let many = String(repeating: one, count: 10_001)
        #expect(throws: S3AnswerError.tooManyObjects) { try Self.page(many) }
    }

    @Test("a refusal has a code")
    func refusal() {
        let text = "<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>"
        let expected = S3Refusal(code: "NoSuchKey", message: "gone")
        #expect(S3Codec.decodeRefusal(Array(text.utf8)) == expected)
        #expect(S3Codec.decodeRefusal(Array("<html>no</html>".utf8)) == nil)
        #expect(S3Codec.decodeRefusal([]) == nil)
    }
}
