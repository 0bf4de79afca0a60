import Dispatch
import SwarmHash
import SwarmModel
import SwarmStorage
import SwarmWire

/// A version made from a directory, with what it took.
struct MadePublication: Sendable {
    let publication: Publication
    /// Seconds spent hashing.
    let seconds: Double
}

extension Publish {
    /// Scans and hashes the directory. `output` is where the `.torrent` file will go.
    func makePublication(
        named reference: ModelReference,
        output: String?
    ) async throws -> MadePublication {
        let scan = try scanDirectory()
        if let output { try PublishedFile.check(output, isOutside: scan.root) }
        let choice = try choosePieceLength(for: scan)
        let hasher = ContentHasher(pieceLength: choice, threadCount: threads)
        let clock = ContinuousClock()
        let start = clock.now
        let hashed = try await hash(scan, with: hasher)
        let seconds = (clock.now - start) / .seconds(1)
        let info: VersionInfo
        do {
            info = try MetainfoCodec.makeInfo(
                name: reference.name.model,
                pieceLength: choice,
                files: Publication.entries(of: scan.files, hashed: hashed),
                isPrivate: `private`,
                hasher: SystemHasher()
            )
        } catch {
            throw CommandFailure(.failure, "'\(directory)' cannot be published: \(error)")
        }
        return MadePublication(
            publication: Publication(info: info, files: scan.files, hashed: hashed),
            seconds: seconds
        )
    }

    private func scanDirectory() throws(CommandFailure) -> DirectoryScan {
        do {
            let scan = try DirectoryScan(of: directory)
            for empty in scan.emptyDirectories.prefix(20) {
                Terminal.note("'\(empty)' is an empty directory, which a version cannot hold")
            }
            return scan
        } catch {
            throw Self.failure(of: directory, error)
        }
    }

    private static func failure(of directory: String, _ error: ScanFailure) -> CommandFailure {
        let first = error.problems[0]
        let status: ExitStatus = first.kind == .missing ? .notFound : .failure
        if error.problems.count == 1, !error.isPartial {
            return CommandFailure(status, "'\(first.path)' \(first.message)", remedy: first.remedy)
        }
        let count = "\(error.problems.count)\(error.isPartial ? " or more" : "")"
        return CommandFailure(
            status,
            "'\(directory)' cannot be published, for \(count) reasons:\n"
                + error.problems.map { "  '\($0.path)' \($0.message): \($0.remedy)" }
                .joined(separator: "\n"),
            remedy: "again when these are mended"
        )
    }

    private func choosePieceLength(for scan: DirectoryScan) throws(CommandFailure) -> Int {
        do {
            let choice = try PieceLengthPolicy.choose(
                fileLengths: scan.files.map(\.length),
                asked: pieceLength?.bytes
            )
            if let asked = choice.raisedFrom {
                Terminal.note(
                    "pieces of \(ByteCount(asked).exact) would be too many; "
                        + "using \(ByteCount(choice.pieceLength).exact)"
                )
            }
            return choice.pieceLength
        } catch {
            throw CommandFailure(.failure, "'\(directory)' cannot be published: \(error)")
        }
    }

    private func hash(
        _ scan: DirectoryScan,
        with hasher: ContentHasher
    ) async throws -> [HashedFile] {
        let progress = HashingProgress()
        return try await Progress.showing(
            "hashing",
            total: scan.totalLength,
            isQuiet: show.quiet,
            sample: { ProgressMeter.Sample(bytesDone: progress.bytesDone) },
            during: { try await Self.hash(scan.files, with: hasher, progress) }
        )
    }

    /// Hashing blocks its thread, so it runs on one outside of the cooperative pool.
    private static func hash(
        _ files: [ScannedFile],
        with hasher: ContentHasher,
        _ progress: HashingProgress
    ) async throws -> [HashedFile] {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    continuation.resume(
                        returning: Result { () throws(HashingFailure) in
                            try hasher.hash(files, progress: progress)
                        }
                    )
                }
            }
        } onCancel: {
            progress.cancel()
        }
        do {
            return try result.get()
        } catch {
            if error == .cancelled { throw CancellationError() }
            throw CommandFailure(.failure, "\(error)", remedy: error.remedy)
        }
    }
}
