import SwarmModel
import SwarmWire

/// Builds metainfo that may be wrong in one place. The parts are right unless a test replaces them.
enum MetainfoBuilder {
    static let root = BencodeTree.bytes([UInt8](repeating: 7, count: 32))

    static func file(
        length: BencodeTree? = .integer(10),
        root: BencodeTree? = MetainfoBuilder.root,
        attributes: BencodeTree? = nil,
        extra: (String, BencodeTree)? = nil
    ) -> BencodeTree {
        var pairs = [("length", length), ("pieces root", root), ("attr", attributes)]
        if let extra { pairs.append((extra.0, extra.1)) }
        return .dictionary([("", .dictionary(pairs))])
    }

    /// A file tree from names that need not be text.
    static func tree(_ entries: [(String, BencodeTree)]) -> BencodeTree {
        .entries(entries.map { BencodeTree.Entry($0.0.utf8, $0.1) })
    }

    static func tree(rawName: [UInt8]) -> BencodeTree {
        .entries([BencodeTree.Entry(rawName, file())])
    }

    /// An info dictionary with some keys replaced, and with those removed whose new value is nil.
    static func info(
        _ changes: [(String, BencodeTree?)] = [],
        tree: BencodeTree? = nil
    ) -> BencodeTree {
        var pairs: [(String, BencodeTree?)] = [
            ("file tree", tree ?? Self.tree([("a", file())])), ("meta version", .integer(2)),
            ("name", .text("m")), ("piece length", .integer(16384)),
        ]
        for change in changes {
            pairs.removeAll { $0.0 == change.0 }
            pairs.append(change)
        }
        return .dictionary(pairs)
    }

    static func metainfo(
        info: BencodeTree? = info(),
        _ outer: [(String, BencodeTree?)] = []
    ) -> [UInt8] {
        BencodeTree.dictionary([("info", info)] + outer).encoding
    }

    static func metainfo(tree: BencodeTree) -> [UInt8] { metainfo(info: info(tree: tree)) }

    /// A version of one file of three pieces, with its piece layer as the test gives it.
    static func layered(
        _ layers: (_ root: Digest, _ hashes: [UInt8]) -> BencodeTree
    ) -> [UInt8] {
        let hash = TestHasher.hash(file: pattern(40000, 1), pieceLength: 16384)!
        let file = file(length: .integer(40000), root: .bytes(hash.root.bytes))
        return metainfo(
            info: info(tree: tree([("a", file)])),
            [("piece layers", layers(hash.root, hash.layer.flatMap(\.bytes)))]
        )
    }
}
