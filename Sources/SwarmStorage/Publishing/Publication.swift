package import SwarmModel

/// A version that can be published and seeded from where its files lie: the description that the
/// info-hash covers, the piece layers, and for each file of the description the file on disk.
package struct Publication: Hashable, Sendable {
    package let info: VersionInfo
    /// Sorted by root, one for each distinct root of a file longer than a piece.
    package let pieceLayers: [PieceLayer]
    /// As many as `info.files`, in the same order.
    package let files: [ScannedFile]

    /// `info` was made from the entries of ``entries(of:hashed:)``, in their order.
    package init(info: VersionInfo, files: [ScannedFile], hashed: [HashedFile]) {
        precondition(
            info.files.map(\.path) == files.map(\.path) && files.count == hashed.count,
            "a publication of other files than its info names"
        )
        self.info = info
        self.files = files
        pieceLayers = Self.layers(of: hashed)
    }

    /// What the info dictionary says of each file: name, content, and whether it is executable.
    package static func entries(
        of files: [ScannedFile],
        hashed: [HashedFile]
    ) -> [FileEntry] {
        zip(files, hashed).map { file, hashed in
            FileEntry(
                path: file.path,
                length: file.length,
                piecesRoot: hashed.root,
                isExecutable: file.identity.isExecutable
            )
        }
    }

    private static func layers(of hashed: [HashedFile]) -> [PieceLayer] {
        var layers: [PieceLayer] = []
        let sorted = hashed.compactMap { file in
            file.root.flatMap {
                file.layer.isEmpty ? nil : PieceLayer(root: $0, hashes: file.layer)
            }
        }.sorted { $0.root < $1.root }
        for layer in sorted where layers.last?.root != layer.root { layers.append(layer) }
        return layers
    }
}
