/// The name under which an operator's settings know an origin: lower-case letters, digits, `.`, `_`
/// and `-`, at most 64. A metainfo may carry it; the address and the credentials behind it never
/// leave the settings.
package struct OriginID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    package static let byteCountMax = 64

    /// Nil when the text is not such a name.
    package init?(_ text: some StringProtocol) {
        guard (1...Self.byteCountMax).contains(text.utf8.count),
            text.utf8.allSatisfy({ Self.isAllowed($0) }), text.first != ".", text.first != "-"
        else { return nil }
        self.text = String(text)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || (48...57).contains(byte) || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    package var description: String { text }
    package static func < (a: Self, b: Self) -> Bool { a.text < b.text }
}

/// What decisions about an origin rest on: no address, no credentials.
package struct OriginFacts: Hashable, Sendable {
    package var id: OriginID
    /// Where its bytes come from, for the ledger and for the choice among origins.
    package var locality: Locality
    /// Reads of this host from it at once.
    package var readsMax: Int

    package init(id: OriginID, locality: Locality = .unknown, readsMax: Int = 4) {
        self.id = id
        self.locality = locality
        self.readsMax = readsMax
    }
}

/// What was wrong with a read. Each has its own remedy, so each is told apart.
package enum OriginFault: Hashable, Sendable {
    // It may work later.
    case unreachable(String)
    /// No byte for too long.
    case stalled
    /// 429, 500, 502, 503 or 504, with `Retry-After` when it was sent.
    case busy(status: Int, retryAfter: Duration?)
    /// The body ended early.
    case cutShort(received: Int, of: Int)

    // Somebody must mend something.
    /// 401 or 403, or credentials that are not there.
    case denied(String)
    /// 404 or 410, or no such file.
    case missing(String)
    /// Another status or answer that is not understood.
    case unexpected(String)

    // The object is not what was read before.
    case changed(String)

    // The origin cannot be used for this version.
    /// 200 to a request with a range.
    case notPartial
    /// Another range than the one asked for, or a body of another length.
    case wrongRange(String)
    /// The file has another length than the one published.
    case wrongLength(found: Int, published: Int)
    /// A `Content-Encoding`.
    case encoded(String)
    case redirected(to: String)
    /// The bytes do not match their hash.
    case wrongBytes

    /// What an origin's fault leads to.
    package enum Severity: Hashable, Sendable {
        /// Try again after a back-off.
        case passing
        /// Try again, rarely: it takes a person to mend it.
        case refusal
        /// Read this file anew; several in a row end the origin's use.
        case changed
        /// Never again for this version.
        case poison
    }

    package var severity: Severity {
        switch self {
        case .unreachable, .stalled, .busy, .cutShort: .passing
        case .denied, .missing, .unexpected: .refusal
        case .changed: .changed
        case .notPartial, .wrongRange, .wrongLength, .encoded, .redirected, .wrongBytes: .poison
        }
    }
}

extension OriginFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreachable(let why): "cannot be reached: \(why)"
        case .stalled: "sent nothing for too long"
        case .busy(let status, nil): "is busy (status \(status))"
        case .busy(let status, let wait?):
            "is busy (status \(status)) and asks to wait \(wait.inSeconds) s"
        case .cutShort(let received, let total):
            "ended the body after \(received) of \(total) bytes"
        case .denied(let what): "refuses access to \(what); check the origin's credentials"
        case .missing(let what): "has no \(what); check the origin's address and path"
        case .unexpected(let what): "answered \(what)"
        case .changed(let what): "has another \(what) than at the first read"
        case .notPartial:
            "answered 200 with a whole file where a range was asked for; "
                + "an origin must support Range requests"
        case .wrongRange(let what): "answered another range than the one asked for: \(what)"
        case .wrongLength(let found, let published):
            "has a file of \(found) bytes that was published with \(published)"
        case .encoded(let encoding): "sent the content encoded as \(encoding.prefix(40))"
        case .redirected(let target):
            "redirects to '\(target.prefix(200))'; redirects are not followed, "
                + "name the address itself in the origin's settings"
        case .wrongBytes: "sent bytes that do not match the version's hashes"
        }
    }
}

/// A read of one file's bytes from an origin: pieces in a row, or a part of one piece.
package struct OriginRead: Hashable, Sendable {
    /// Stands for the read wherever the sender of a block is named.
    package var id: ConnectionID
    package var origin: OriginID
    package var file: FileIndex
    /// Bytes within the file; begins on a block and ends on one or at the end of the file.
    package var bytes: Range<Int>

    package init(id: ConnectionID, origin: OriginID, file: FileIndex, bytes: Range<Int>) {
        self.id = id
        self.origin = origin
        self.file = file
        self.bytes = bytes
    }
}

extension PieceGeometry {
    /// The parts of a run of bytes of a file in order, each within one piece and of at most
    /// `lengthMax` bytes, which is a multiple of the block size.
    package func blocks(of file: FileIndex, _ bytes: Range<Int>, lengthMax: Int) -> [RawBlock] {
        let first = pieceNumbers(of: file).lowerBound
        var result: [RawBlock] = []
        var offset = bytes.lowerBound
        while offset < bytes.upperBound {
            let begin = offset % pieceLength
            let end = min(bytes.upperBound, offset + lengthMax, offset - begin + pieceLength)
            result.append(
                RawBlock(
                    piece: UInt32(first + offset / pieceLength),
                    begin: UInt32(begin),
                    length: UInt32(end - offset)
                )
            )
            offset = end
        }
        return result
    }
}
