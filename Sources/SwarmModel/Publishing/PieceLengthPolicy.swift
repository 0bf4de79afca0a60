/// Chooses the piece length of a new version. Few pieces keep metainfo, bitfields and announcements
/// small; many let more hosts work at once and cost less when one is corrupt.
package struct PieceLengthPolicy: Hashable, Sendable {
    /// Pieces that a version should have, about.
    package static let pieceCountGoal = 2000
    /// Between these the automatic choice stays, whatever the size.
    package static let automatic = (1 << 20)...(16 << 20)

    /// Most pieces of a version that we publish: 8 MiB of piece layers, so that the `.torrent` file
    /// stays below the 10 MB that libtorrent loads.
    package static let pieceCountMax = 1 << 18

    /// The piece length and how it came about.
    package struct Choice: Hashable, Sendable {
        package let pieceLength: Int
        /// What was asked for or first chosen, when that would have made too many pieces.
        package let raisedFrom: Int?

        package init(pieceLength: Int, raisedFrom: Int? = nil) {
            self.pieceLength = pieceLength
            self.raisedFrom = raisedFrom
        }
    }

    package enum Flaw: Error, Hashable, Sendable, CustomStringConvertible {
        /// Not a power of two of 16 KiB … 256 MiB.
        case notAllowed(Int)
        /// More bytes or files than the longest piece length can hold.
        case tooLarge

        package var description: String {
            switch self {
            case .notAllowed(let length):
                "a piece length of \(length) bytes is not a power of two from 16 KiB to 256 MiB"
            case .tooLarge: "the files do not fit into one version, whatever the piece length"
            }
        }
    }

    /// The piece length for files of these lengths. Without `asked` it is the power of two nearest
    /// to a two-thousandth of them, within ``automatic``.
    package static func choose(
        fileLengths: [Int],
        asked: Int? = nil
    ) throws(Flaw) -> Choice {
        var total = 0
        for length in fileLengths {
            let (sum, overflow) = total.addingReportingOverflow(length)
            guard !overflow, length >= 0 else { throw .tooLarge }
            total = sum
        }
        let first = asked ?? automaticLength(totalLength: total)
        guard isAllowed(first) else { throw .notAllowed(first) }
        var length = first
        while true {
            if fits(fileLengths, pieceLength: length) {
                return Choice(pieceLength: length, raisedFrom: length == first ? nil : first)
            }
            guard length < PieceGeometry.pieceLengths.upperBound else { throw .tooLarge }
            length *= 2
        }
    }

    private static func fits(_ fileLengths: [Int], pieceLength: Int) -> Bool {
        let geometry = try? PieceGeometry(pieceLength: pieceLength, fileLengths: fileLengths)
        return geometry.map { $0.pieceCount <= pieceCountMax } ?? false
    }

    package static func isAllowed(_ length: Int) -> Bool {
        PieceGeometry.pieceLengths.contains(length) && length & (length - 1) == 0
    }

    private static func automaticLength(totalLength: Int) -> Int {
        let goal = totalLength / pieceCountGoal
        var length = automatic.lowerBound
        // The step to 2L is taken from √2·L on, where 2L becomes the nearer power; 99/70 is √2 to
        // four digits, in integers so that every machine chooses the same.
        while length < automatic.upperBound, goal >= length * 99 / 70 { length *= 2 }
        return length
    }
}
