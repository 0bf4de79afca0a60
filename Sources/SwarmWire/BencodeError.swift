/// Why bytes are not canonical bencode (BEP 3), and where.
package struct BencodeError: Error, Hashable, CustomStringConvertible {
    /// Byte at which the reader stopped.
    package let offset: Int
    package let reason: Reason

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package enum Reason: Hashable, Sendable {
        case tooLong(bytes: Int, limit: Int)
        case tooDeep(limit: Int)
        case tooManyTokens(limit: Int)
        case endOfInput
        case unexpectedByte(UInt8)
        case emptyInteger
        case leadingZero
        case negativeZero
        /// The integer does not fit 64 bits.
        case integerOverflow
        /// The string is longer than what is left of the input.
        case stringPastEnd
        case keyNotString
        case keyWithoutValue
        case keysNotSorted
        case duplicateKey
        case trailingBytes
    }

    package var description: String { "\(what) at byte \(offset)" }

    private var what: String {
        switch reason {
        case .tooLong(let bytes, let limit): "\(bytes) bytes of bencode, more than \(limit),"
        case .tooDeep(let limit): "lists or dictionaries nested deeper than \(limit)"
        case .tooManyTokens(let limit): "more than \(limit) values"
        case .endOfInput: "the end of the input inside of a value"
        case .unexpectedByte(let byte): "unexpected byte 0x\(String(byte, radix: 16))"
        case .emptyInteger: "an integer without digits"
        case .leadingZero: "a number with a leading zero"
        case .negativeZero: "a negative zero"
        case .integerOverflow: "an integer that does not fit 64 bits"
        case .stringPastEnd: "a string longer than the input"
        case .keyNotString: "a dictionary key that is not a string"
        case .keyWithoutValue: "a dictionary key without a value"
        case .keysNotSorted: "dictionary keys that are not sorted"
        case .duplicateKey: "a dictionary key that is there twice"
        case .trailingBytes: "bytes after the value"
        }
    }
}

/// What a reader of bencode allows before it gives up: each bounds memory or stack.
package struct BencodeLimits: Hashable, Sendable {
    /// Longest input, in bytes.
    package var byteCountMax: Int
    /// Most values, keys included. The reader keeps 20 bytes for each.
    package var tokenCountMax: Int
    /// Deepest nesting of lists and dictionaries.
    package var depthMax: Int

    package init(byteCountMax: Int, tokenCountMax: Int, depthMax: Int = 64) {
        precondition(byteCountMax <= Int(Int32.max), "offsets are kept in 32 bits")
        self.byteCountMax = byteCountMax
        self.tokenCountMax = tokenCountMax
        self.depthMax = depthMax
    }
}
