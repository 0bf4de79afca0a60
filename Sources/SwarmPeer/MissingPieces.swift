import SwarmModel

/// A run of pieces of one file that are missing here and that nobody in reach has, by their numbers
/// in the version.
package struct MissingPieces: Codable, Hashable, Sendable, CustomStringConvertible {
    package var file: String
    package var first: Int
    package var last: Int

    /// Most runs that are named: enough for a person, and a short answer for a machine.
    package static let runsMax = 16

    package var count: Int { last - first + 1 }

    package var description: String {
        first == last ? "\(first) of '\(file)'" : "\(first)–\(last) of '\(file)'"
    }

    /// The first runs of ascending pieces.
    static func runs(
        of pieces: [PieceIndex],
        _ geometry: PieceGeometry,
        name: (FileIndex) -> String
    ) -> [MissingPieces] {
        var runs: [MissingPieces] = []
        var lastFile: FileIndex?
        for piece in pieces {
            let file = geometry.file(of: piece)
            if let run = runs.last, run.last + 1 == piece.number, lastFile == file {
                runs[runs.count - 1].last = piece.number
            } else if runs.count == runsMax {
                break
            } else {
                runs.append(
                    MissingPieces(file: name(file), first: piece.number, last: piece.number)
                )
            }
            lastFile = file
        }
        return runs
    }
}

extension SwarmStatus {
    /// Names the pieces that nobody in reach has; nil when there are none.
    package var unavailableText: String? {
        guard unavailablePieces > 0 else { return nil }
        let named = unavailable.reduce(0) { $0 + $1.count }
        let list = unavailable.map { "\($0)" }.joined(separator: ", ")
        return "\(unavailablePieces) pieces are held by no peer in reach"
            + (list.isEmpty ? "" : ": \(list)")
            + (named < unavailablePieces ? " and more" : "")
    }
}
