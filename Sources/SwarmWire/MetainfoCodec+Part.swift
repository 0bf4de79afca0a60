import SwarmModel

/// `shoal part`, outside of `info`: {`expected`: files that an index names, `number`: `K/N`,
/// `piece length`: what was asked for}. Whoever reads it has a part of a version and not the whole.
extension MetainfoCodec {
    static func encode(part: PartLabel) -> BencodeTree {
        .dictionary([
            ("expected", .list(part.expected.map { .text($0) })),
            ("number", .text(part.number.description)),
            ("piece length", part.pieceLengthAsked.map { .integer($0) }),
        ])
    }

    static func decodePart(
        _ top: BencodeValue.Entries,
        limits: MetainfoLimits
    ) throws(MetainfoError) -> PartLabel? {
        guard let value = top["shoal part"] else { return nil }
        guard let keys = value.dictionary else {
            throw .wrongType(key: "shoal part", expected: "a dictionary")
        }
        guard let number = try text("number", in: keys, limits: limits).flatMap({ PartNumber($0) })
        else { throw .partNumber }
        let pieceLength = try pieceLengthAsked(keys)
        guard let list = keys["expected"]?.list else {
            throw .wrongType(key: "expected", expected: "a list")
        }
        var expected: [String] = []
        for item in list {
            guard expected.count < PartLabel.expectedMax else {
                throw .tooManyFiles(limit: PartLabel.expectedMax)
            }
            guard let path = item.text else { throw .notText(key: "expected") }
            expected.append(path)
        }
        return PartLabel(number: number, pieceLengthAsked: pieceLength, expected: expected)
    }

    private static func pieceLengthAsked(
        _ keys: BencodeValue.Entries
    ) throws(MetainfoError) -> Int? {
        guard let value = keys["piece length"] else { return nil }
        guard let length = value.integer else {
            throw .wrongType(key: "piece length", expected: "a number")
        }
        guard PieceLengthPolicy.isAllowed(length) else { throw .pieceLength(length) }
        return length
    }
}
