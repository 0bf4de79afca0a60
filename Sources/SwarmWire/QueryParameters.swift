/// The parameters of a query string in their order, their values percent-decoded to bytes (BEP 3
/// puts raw bytes there, so they need not be text).
struct QueryParameters {
    private var pairs: [(key: String, value: [UInt8])] = []

    init(_ query: some Collection<UInt8>) throws(AnnounceRequestError) {
        guard query.count <= AnnounceCodec.queryByteCountMax else {
            throw .queryTooLong(bytes: query.count)
        }
        for pair in query.split(separator: UInt8(ascii: "&")) {
            guard pairs.count < AnnounceCodec.parameterCountMax else { throw .tooManyParameters }
            let rawKey = pair.prefix { $0 != UInt8(ascii: "=") }
            let key = String(decoding: rawKey, as: UTF8.self)
            guard let value = PercentCoding.decode(pair.dropFirst(rawKey.count + 1)) else {
                throw .escape(key: Excerpt.printable(key, limit: 32))
            }
            pairs.append((key, value))
        }
    }

    func all(_ key: String) -> [[UInt8]] { pairs.filter { $0.key == key }.map(\.value) }

    /// The value of a key that may be there once.
    func bytes(_ key: String) throws(AnnounceRequestError) -> [UInt8]? {
        let values = all(key)
        guard values.count <= 1 else { throw .duplicate(key: key) }
        return values.first
    }

    /// The value as text fit to be shown; bytes that do not print are replaced.
    func text(_ key: String) throws(AnnounceRequestError) -> String? {
        try bytes(key).map { String(decoding: $0, as: UTF8.self) }
    }

    func identifier(_ key: String) throws(AnnounceRequestError) -> [UInt8] {
        guard let value = try bytes(key) else { throw .missing(key: key) }
        guard value.count == 20 else { throw .identifierLength(key: key, bytes: value.count) }
        return value
    }

    /// A number without a sign.
    func number<T: FixedWidthInteger>(_ key: String) throws(AnnounceRequestError) -> T? {
        guard let value = try bytes(key) else { return nil }
        guard let number = Decimal.unsigned(value), let result = T(exactly: number) else {
            throw .number(key: key, value: Excerpt.printable(value, limit: 24))
        }
        return result
    }
}
