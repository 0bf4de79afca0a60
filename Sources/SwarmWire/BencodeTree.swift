/// A value to be written as bencode (BEP 3). Keys are sorted by the writer.
package indirect enum BencodeTree {
    case integer(Int)
    case bytes([UInt8])
    case list([BencodeTree])
    case entries([Entry])
    /// Bencode that is copied as it is.
    case encoded([UInt8])

    package struct Entry {
        package let key: [UInt8]
        package let value: BencodeTree

        package init(_ key: some Sequence<UInt8>, _ value: BencodeTree) {
            self.key = Array(key)
            self.value = value
        }
    }

    package static func text(_ text: String) -> Self { .bytes(Array(text.utf8)) }

    /// A dictionary without the keys whose value is nil.
    package static func dictionary(_ pairs: [(String, BencodeTree?)]) -> Self {
        .entries(pairs.compactMap { key, value in value.map { Entry(key.utf8, $0) } })
    }

    package var encoding: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return bytes
    }

    package func write(to bytes: inout [UInt8]) {
        switch self {
        case .integer(let number):
            bytes.append(contentsOf: "i\(number)e".utf8)
        case .bytes(let string):
            Self.write(string, to: &bytes)
        case .list(let values):
            bytes.append(UInt8(ascii: "l"))
            for value in values { value.write(to: &bytes) }
            bytes.append(UInt8(ascii: "e"))
        case .entries(let entries):
            Self.write(entries, to: &bytes)
        case .encoded(let encoded):
            bytes.append(contentsOf: encoded)
        }
    }

    private static func write(_ string: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "\(string.count):".utf8)
        bytes.append(contentsOf: string)
    }

    private static func write(_ entries: [Entry], to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "d"))
        var previous: [UInt8]?
        for entry in entries.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            precondition(entry.key != previous, "the key \(entry.key) twice in a dictionary")
            previous = entry.key
            write(entry.key, to: &bytes)
            entry.value.write(to: &bytes)
        }
        bytes.append(UInt8(ascii: "e"))
    }
}
