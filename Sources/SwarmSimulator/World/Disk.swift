import SwarmModel

/// What a host's disk holds, by piece, as nobody but the simulator can know it.
struct Disk {
    /// Written and checked; gone after a crash unless it is ``journaled``.
    var verified: Bitfield
    /// Synced and entered into the journal: what a restarted process trusts.
    var journaled: Bitfield
    /// The bytes on the medium are those of the piece. Rot, lost syncs and lies of the disk clear
    /// it without telling.
    var intact: Bitfield
    var isSealed: [Bool]
    /// In the journal although their data is not synced: a planted bug.
    private var early: [PieceIndex] = []
    /// The disk does one thing after another.
    var freeAt = Instant.origin

    init(_ geometry: PieceGeometry, holding pieces: Bitfield) {
        verified = pieces
        journaled = pieces
        intact = pieces
        isSealed = geometry.files.map { file in
            geometry.pieces(of: file).allSatisfy { pieces[$0] }
        }
    }

    mutating func store(_ piece: PieceIndex) {
        verified.insert(piece)
        intact.insert(piece)
    }

    mutating func drop(_ piece: PieceIndex) {
        verified.remove(piece)
        journaled.remove(piece)
        intact.remove(piece)
    }

    mutating func journalEarly(_ pieces: [PieceIndex]) {
        for piece in pieces where verified[piece] && !journaled[piece] {
            journaled.insert(piece)
            early.append(piece)
        }
    }

    mutating func synced(_ pieces: [PieceIndex]) {
        for piece in pieces where verified[piece] { journaled.insert(piece) }
        early.removeAll { pieces.contains($0) }
    }

    /// The process or the host died: what was not synced is not there.
    mutating func crash(_ geometry: PieceGeometry) {
        for piece in early { intact.remove(piece) }
        early = []
        for piece in geometry.pieces where verified[piece] && !journaled[piece] {
            verified.remove(piece)
            intact.remove(piece)
        }
        for file in geometry.files where !geometry.pieces(of: file).allSatisfy({ journaled[$0] }) {
            isSealed[file.number] = geometry.length(of: file) == 0
        }
    }
}
