import Dispatch
import SwarmHash
package import SwarmModel
import SwarmRuntime
package import SwarmStorage
import SwarmWire
import SystemPackage

/// Hashing a stored version anew: what `shoal verify` does, with or without a daemon.
package struct Verification: Sendable {
    /// How far it is; with `report` set it is the last one.
    package struct Step: Codable, Hashable, Sendable {
        package var bytesDone: Int
        package var bytes: Int
        package var report: Report?

        package init(bytesDone: Int = 0, bytes: Int = 0, report: Report? = nil) {
            self.bytesDone = bytesDone
            self.bytes = bytes
            self.report = report
        }
    }

    package struct Report: Codable, Hashable, Sendable {
        package var name: String
        package var version: String
        package var infoHash: InfoHash
        package var bytes: Int
        package var isSound: Bool
        package var damaged: [Damage]

        package struct Damage: Codable, Hashable, Sendable {
            package var path: String
            package var pieces: Int
        }
    }

    private let reference: ModelReference
    private let store: Store
    private let metainfo: Metainfo

    /// Finds the version. Throws `PeerError` when it is not there or its metainfo is lost.
    package init(_ reference: ModelReference, store: Store) throws {
        let stored = try store.versions().first { $0.reference == reference }
        guard let stored, stored.state == .complete else {
            throw PeerError(
                .unknownVersion,
                "no complete version \(reference) here; `shoal list` shows what is there"
            )
        }
        guard let bytes = try store.torrent(for: stored.infoHash) else {
            throw PeerError(
                .invalidMetainfo,
                "the metainfo of \(reference) is lost; `shoal pull` it again, which fetches no data"
            )
        }
        self.reference = reference
        self.store = store
        metainfo = try MetainfoCodec.decode(bytes, hasher: SystemHasher())
    }

    /// Starts the work on `threads` threads; the stream reports a few times a second.
    package func lines(threads: Int) -> AsyncThrowingStream<Step, any Error> {
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: Step.self)
        let done = Locked(0)
        let reported = Locked(0)
        let total = metainfo.info.geometry.totalLength
        DispatchQueue.global().async {
            do {
                let report = try store.verify(
                    reference,
                    info: metainfo.info,
                    layers: metainfo.pieceLayers,
                    threads: threads
                ) { bytes in
                    let sum = done.withLock {
                        $0 += bytes
                        return $0
                    }
                    // Every hundredth, so that a long stream stays short.
                    let isDue = reported.withLock { last in
                        guard sum - last >= total / 100 else { return false }
                        last = sum
                        return true
                    }
                    if isDue { continuation.yield(Step(bytesDone: sum, bytes: total)) }
                }
                continuation.yield(
                    Step(bytesDone: total, bytes: total, report: self.report(report))
                )
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        return stream
    }

    private func report(_ report: VerifyReport) -> Report {
        Report(
            name: reference.name.description,
            version: reference.version,
            infoHash: metainfo.info.infoHash,
            bytes: report.bytes,
            isSound: report.isSound,
            damaged: report.damaged.map {
                Report.Damage(path: $0.path.string, pieces: $0.pieces.count)
            }
        )
    }
}
