import SwarmWire
import Testing

@Suite("Bencode")
struct BencodeTests {
    static let limits = BencodeLimits(byteCountMax: 1000, tokenCountMax: 100, depthMax: 64)

    static func refusal(of text: String, limits: BencodeLimits = limits) -> BencodeError? {
        do throws(BencodeError) {
            _ = try BencodeValue(raw(text), limits: limits)
            return nil
        } catch {
            return error
        }
    }

    static let refusals: [(String, BencodeError)] = [
        ("", BencodeError(.endOfInput, at: 0)),
        ("i", BencodeError(.endOfInput, at: 1)),
        ("i1", BencodeError(.endOfInput, at: 2)),
        ("ie", BencodeError(.emptyInteger, at: 1)),
        ("i-e", BencodeError(.emptyInteger, at: 2)),
        ("i-0e", BencodeError(.negativeZero, at: 0)),
        ("i00e", BencodeError(.leadingZero, at: 1)),
        ("i03e", BencodeError(.leadingZero, at: 1)),
        ("i-03e", BencodeError(.leadingZero, at: 2)),
        ("i+1e", BencodeError(.unexpectedByte(43), at: 1)),
        ("i 1e", BencodeError(.unexpectedByte(32), at: 1)),
        ("i1.5e", BencodeError(.unexpectedByte(46), at: 2)),
        ("i--1e", BencodeError(.unexpectedByte(45), at: 2)),
        ("i9223372036854775808e", BencodeError(.integerOverflow, at: 1)),
        ("i-9223372036854775809e", BencodeError(.integerOverflow, at: 2)),
        ("i99999999999999999999999999e", BencodeError(.integerOverflow, at: 1)),
        ("1", BencodeError(.endOfInput, at: 1)),
        ("1:", BencodeError(.stringPastEnd, at: 0)),
        ("5:abcd", BencodeError(.stringPastEnd, at: 0)),
        ("9223372036854775807:a", BencodeError(.stringPastEnd, at: 0)),
        ("9223372036854775808:a", BencodeError(.integerOverflow, at: 0)),
        ("01:a", BencodeError(.leadingZero, at: 0)),
        ("00:", BencodeError(.leadingZero, at: 0)),
        ("-1:a", BencodeError(.unexpectedByte(45), at: 0)),
        ("1a", BencodeError(.unexpectedByte(97), at: 1)),
        ("x", BencodeError(.unexpectedByte(120), at: 0)),
        ("e", BencodeError(.unexpectedByte(101), at: 0)),
        ("l", BencodeError(.endOfInput, at: 1)),
        ("li1e", BencodeError(.endOfInput, at: 4)),
        ("d", BencodeError(.endOfInput, at: 1)),
        ("d1:a", BencodeError(.endOfInput, at: 4)),
        ("d1:ae", BencodeError(.keyWithoutValue, at: 4)),
        ("di1ei2ee", BencodeError(.keyNotString, at: 1)),
        ("dlei2ee", BencodeError(.keyNotString, at: 1)),
        ("ddei2ee", BencodeError(.keyNotString, at: 1)),
        ("dxe", BencodeError(.unexpectedByte(120), at: 1)),
        ("d1:bi1e1:ai2ee", BencodeError(.keysNotSorted, at: 7)),
        ("d2:aai1e1:ai2ee", BencodeError(.keysNotSorted, at: 8)),
        ("d1:ai1e1:ai2ee", BencodeError(.duplicateKey, at: 7)),
        ("d1:ad1:xi1e1:xi1eee", BencodeError(.duplicateKey, at: 11)),
        ("d0:i1e0:i2ee", BencodeError(.duplicateKey, at: 6)),
        ("i1ei2e", BencodeError(.trailingBytes, at: 3)),
        ("le ", BencodeError(.trailingBytes, at: 2)),
        ("0:\n", BencodeError(.trailingBytes, at: 2)),
    ]

    @Test("input that is not canonical is refused at the right byte", arguments: refusals)
    func refuses(text: String, expected: BencodeError) {
        #expect(Self.refusal(of: text) == expected)
        #expect(!expected.description.isEmpty)
    }

    @Test("depth, number of values and length are limited")
    func enforcesLimits() {
        func nested(_ depth: Int) -> String {
            String(repeating: "l", count: depth) + String(repeating: "e", count: depth)
        }
        #expect(Self.refusal(of: nested(64)) == nil)
        #expect(Self.refusal(of: nested(65)) == BencodeError(.tooDeep(limit: 64), at: 64))
        let values = String(repeating: "0:", count: 99)
        #expect(Self.refusal(of: "l\(values)e") == nil)
        #expect(
            Self.refusal(of: "l\(values)0:e") == BencodeError(.tooManyTokens(limit: 100), at: 201)
        )
        #expect(Self.refusal(of: "996:" + String(repeating: "a", count: 996)) == nil)
        #expect(
            Self.refusal(of: "997:" + String(repeating: "a", count: 997))
                == BencodeError(.tooLong(bytes: 1001, limit: 1000), at: 0)
        )
    }

    @Test(
        "integers at the edges are read",
        arguments: [0, 1, -1, 9, 10, -10, .max, .min, .max - 1, .min + 1]
    )
    func readsIntegers(number: Int) throws {
        #expect(try BencodeValue(raw("i\(number)e"), limits: Self.limits).integer == number)
    }

    @Test("values are reached by key, in order and with their bytes")
    func readsValues() throws {
        let text = "d0:i0e1:ali1e2:xyd1:kleee2:bb3:\u{FF}\u{0}e1:cdee"
        let input = raw(text)
        let top = try #require(try BencodeValue(input, limits: Self.limits).dictionary)
        #expect(top.map { Array($0.key) } == [[], raw("a"), raw("bb"), raw("c")])
        #expect(top[""]?.integer == 0)
        #expect(top["bb"]?.bytes.map { Array($0) } == [0xFF, 0, 0x65])
        #expect(top["bb"]?.text == nil)
        #expect(top["absent"] == nil)
        #expect(top["c"]?.dictionary?.isEmpty == true)
        let list = try #require(top["a"]?.list)
        #expect(
            list.map { String(decoding: $0.encoded, as: UTF8.self) } == ["i1e", "2:xy", "d1:klee"]
        )
        #expect(top["a"]?.integer == nil && top["a"]?.bytes == nil && top["a"]?.dictionary == nil)
    }

    @Test("a value may be followed by other bytes only where that is asked for")
    func readsPrefix() throws {
        let input = raw("d1:ai1eeREST")
        let value = try BencodeValue.prefix(of: input, limits: Self.limits)
        #expect(value.range == 0..<8)
        #expect(throws: BencodeError(.trailingBytes, at: 8)) {
            try BencodeValue(input, limits: Self.limits)
        }
        #expect(try BencodeValue(raw("i7e").span.bytes, limits: Self.limits).integer == 7)
    }

    @Test("the writer sorts keys by their bytes and leaves out absent ones")
    func writes() {
        let tree = BencodeTree.dictionary([
            ("b", .integer(-5)), ("a b", .list([.text("é"), .bytes([])])), ("a", nil),
            ("B", .encoded(raw("i1e"))), ("é", .dictionary([])), ("z", .integer(0)),
        ])
        let expected = "d1:Bi1e3:a bl2:\u{C3}\u{A9}0:e1:bi-5e1:zi0e2:\u{C3}\u{A9}dee"
        #expect(tree.encoding == raw(expected))
    }
}
