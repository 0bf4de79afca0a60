internal import Dispatch
package import SwarmModel
internal import Synchronization
package import SystemPackage

/// What reading a whole version came to.
package struct VerifyReport: Sendable, Hashable {
    package struct DamagedFile: Sendable, Hashable {
        /// In the view.
        package var path: FilePath
        /// Ascending. None for an empty file that is missing.
        package var pieces: [PieceIndex]
    }

    /// Bytes of the version.
    package var bytes: Int
    /// In file-tree order.
    package var damaged: [DamagedFile]
    package var isSound: Bool { damaged.isEmpty }
}

extension Store {
    /// Reads every file of a view from media and compares it with the metainfo, on `threads`
    /// threads.
    ///
    /// - Parameter layers: of every file longer than a piece.
    /// - Parameter progress: called from those threads with the bytes of each piece that was read.
    /// - Throws: `.unknownVersion` when there is no such view, or it is of another info-hash;
    ///   `.layerMissing`.
    package func verify(
        _ reference: ModelReference,
        info: VersionInfo,
        layers: [PieceLayer],
        threads: Int,
        progress: @Sendable (Int) -> Void = { _ in }
    ) throws(StorageError) -> VerifyReport {
        precondition(threads > 0, "\(threads) threads")
        let view = layout.view(reference)
        guard let marker = try marker(of: reference), marker.infoHash == info.infoHash,
            try fileSystem.entry(at: view) != nil
        else {
            throw StorageError(
                .unknownVersion,
                "no view of \(info.infoHash) at '\(view)'; `shoal list` shows what is there",
                path: view
            )
        }
        let scan = try ViewScan(view, info, layers, fileSystem)
        withoutActuallyEscaping(progress) { progress in
            DispatchQueue.concurrentPerform(iterations: threads) { _ in scan.work(progress) }
        }
        return scan.report
    }
}

/// The pieces of a view, handed out in runs to the threads that read them.
private final class ViewScan: Sendable {
    private let view: FilePath
    private let info: VersionInfo
    /// For each file; nil for an empty one.
    private let checkers: [PieceChecker?]
    private let fileSystem: any FileSystem
    /// What the threads take in turn.
    private let runs: [Run]
    private let next = Atomic(0)
    private let damaged: Mutex<[PieceIndex]>
    /// Pieces of one file that one thread reads.
    private struct Run: Sendable {
        var file: FileIndex
        var pieces: ArraySlice<PieceIndex>
    }
    /// Bytes of a run, or one piece when that is longer: enough for the disk to read ahead, little
    /// enough for the threads to end together.
    private static let runBytes = 16 << 20
    /// Files whose size or kind is wrong: all their pieces are.
    private let unfit: [FileIndex]

    init(
        _ view: FilePath,
        _ info: VersionInfo,
        _ layers: [PieceLayer],
        _ fileSystem: any FileSystem
    ) throws(StorageError) {
        self.view = view
        self.info = info
        self.fileSystem = fileSystem
        let known = Dictionary(layers.map { ($0.root, $0.hashes) }, uniquingKeysWith: { $1 })
        var checkers: [PieceChecker?] = []
        var unfit: [FileIndex] = []
        for file in info.geometry.files {
            let entry = info.entry(of: file)
            let path = view.appending(entry.joinedPath)
            let status = try fileSystem.entry(at: path)
            if status?.kind != .file || status?.size != entry.length {
                unfit.append(file)
            } else if let open = try? OpenFile(path, .read, in: fileSystem) {
                // Once, before any thread reads: later it would drop what was read ahead.
                fileSystem.dropCache(open.descriptor, 0..<entry.length)
            }
            guard let root = entry.piecesRoot else {
                checkers.append(nil)
                continue
            }
            guard let hashes = info.needsLayer(file) ? known[root] : [root] else {
                throw StorageError(
                    .layerMissing,
                    "the metainfo of '\(info.name)' lacks the piece layer of '\(entry.joinedPath)'"
                )
            }
            checkers.append(
                PieceChecker(
                    expected: hashes,
                    pieceLength: info.geometry.pieceLength,
                    fileLength: entry.length
                )
            )
        }
        runs = Self.runs(info.geometry)
        self.checkers = checkers
        self.unfit = unfit
        damaged = Mutex(unfit.flatMap { Array(info.geometry.pieces(of: $0)) })
    }

    private static func runs(_ geometry: PieceGeometry) -> [Run] {
        let count = max(1, runBytes / geometry.pieceLength)
        return geometry.files.flatMap { file in
            let pieces = Array(geometry.pieces(of: file))
            return stride(from: 0, to: pieces.count, by: count).map {
                Run(file: file, pieces: pieces[$0..<min($0 + count, pieces.count)])
            }
        }
    }

    /// Reads pieces until there are none left.
    func work(_ progress: (Int) -> Void) {
        var ahead = FetchAhead()
        PieceChecker.withBuffer { buffer in
            var current: (file: FileIndex, open: OpenFile)?
            while true {
                let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard number < runs.count else { return }
                let run = runs[number]
                if current?.file != run.file {
                    current = open(run.file).map { (run.file, $0) }
                    ahead = FetchAhead()
                }
                for piece in run.pieces {
                    if !holds(piece, run.file, current?.open, buffer, &ahead) {
                        damaged.withLock { $0.append(piece) }
                    }
                    progress(info.geometry.length(of: piece))
                }
            }
        }
    }

    private func open(_ file: FileIndex) -> OpenFile? {
        let path = view.appending(info.entry(of: file).joinedPath)
        return try? OpenFile(path, .read, in: fileSystem)
    }

    private func holds(
        _ piece: PieceIndex,
        _ file: FileIndex,
        _ open: OpenFile?,
        _ buffer: UnsafeMutableRawBufferPointer,
        _ ahead: inout FetchAhead
    ) -> Bool {
        guard let open, let checker = checkers[file.number] else { return false }
        let number = piece.number - info.geometry.pieceNumbers(of: file).lowerBound
        return checker.holds(number, of: open, buffer: buffer) {
            ahead.fetch($0, at: $1, of: open.descriptor.rawValue)
        }
    }

    var report: VerifyReport {
        var byFile: [FileIndex: Set<PieceIndex>] = [:]
        for file in unfit { byFile[file] = [] }
        for piece in damaged.withLock({ $0 }) {
            byFile[info.geometry.file(of: piece), default: []].insert(piece)
        }
        let files = byFile.sorted { $0.key < $1.key }.map { file, pieces in
            VerifyReport.DamagedFile(
                path: view.appending(info.entry(of: file).joinedPath),
                pieces: pieces.sorted()
            )
        }
        return VerifyReport(bytes: info.geometry.totalLength, damaged: files)
    }
}
