import Logging
import NIOPosix
import SwarmCore
import SwarmHash
import SwarmModel
import SwarmRuntime
import SwarmStorage
import SwarmWire
package import SystemPackage

/// Blocking work on threads.
extension SwarmDriver {
    func runDisk() async {
        for await job in jobs.disk.stream { await run(job) }
    }

    /// Runs blocking work on a thread of the pool.
    func onThread<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await around.threads.runIfActive(work)
    }

    private func run(_ job: Jobs.Disk) async {
        guard let files else { return }
        switch job {
        case .commit(let pieces): await commit(pieces, files)
        case .readBack(let pieces): await readBack(pieces, files)
        case .seal(let file): await seal(file, files)
        case .publishView: await publishView(files)
        case .keepTorrent: await keepTorrent(files)
        }
    }

    private func commit(_ pieces: [PieceIndex], _ files: VersionFiles) async {
        do {
            let holding = files.holding
            _ = try await onThread { try holding.commit(pieces) }
            // Before the seal that the core may ask for now, which then need not read them.
            jobs.disk.add(.readBack(pieces))
            handle(.committed(pieces))
        } catch let error as StorageError {
            storageFailed(error)
        } catch {
            logger.error("commit failed", metadata: ["reason": "\(error)"])
        }
    }

    /// A failure is for the seal to meet again and to report.
    private func readBack(_ pieces: [PieceIndex], _ files: VersionFiles) async {
        guard !isStopping else { return }
        let holding = files.holding
        try? await onThread { try holding.readBack(pieces) }
    }

    private func storageFailed(_ error: StorageError) {
        logger.error("storage failed", metadata: ["reason": "\(error.message)"])
        handle(.storageFailed(reason: error.message, lost: error.lostPieces))
    }

    private func seal(_ file: FileIndex, _ files: VersionFiles) async {
        do {
            let holding = files.holding
            switch try await onThread({ try holding.seal(file) }) {
            case .sealed: handle(.sealed(file))
            case .damaged(let pieces):
                logger.warning(
                    "a file is not on the medium as it was verified; fetching its pieces again",
                    metadata: [
                        "file": "\(files.info.entry(of: file).joinedPath)",
                        "pieces": "\(pieces.count)",
                    ]
                )
                handle(.damaged(file, pieces))
            }
        } catch let error as StorageError {
            storageFailed(error)
        } catch {
            logger.error("seal failed", metadata: ["reason": "\(error)"])
        }
    }

    private func publishView(_ files: VersionFiles) async {
        if isServedInPlace {
            becomeComplete(path: nil)
            return
        }
        do {
            let (holding, names) = (files.holding, names)
            let paths = try await onThread {
                try names.map { try holding.publishView(as: $0) }
            }
            logger.info("complete", metadata: ["path": "\(paths[0])"])
            becomeComplete(path: paths[0].string)
        } catch let error as StorageError where error.code == .diskFull {
            isViewDue = true
            storageFailed(error)
        } catch let error as StorageError {
            logger.error("the view cannot be made", metadata: ["reason": "\(error.message)"])
            resolve(.failed(error.message))
        } catch {
            logger.error("the view cannot be made", metadata: ["reason": "\(error)"])
        }
    }

    /// Makes the view for which there was no room, once the pause that followed is over. Meanwhile
    /// every piece is here and is served.
    func retryView() {
        guard isViewDue, swarm.pausedUntil == nil else { return }
        isViewDue = false
        jobs.disk.add(.publishView)
    }

    private func becomeComplete(path: String?) {
        finishedAt = finishedAt ?? clock.now
        resolve(.complete(path: path))
    }

    /// Puts the files of a complete version into a directory of the user's.
    package func export(to target: FilePath) async throws {
        guard let holding = files?.holding else { return }
        try await onThread { try holding.export(to: target) }
    }

    /// The metainfo with all layers known so far: after a restart nothing of it is fetched again.
    private func keepTorrent(_ files: VersionFiles) async {
        let metainfo = Metainfo(
            info: files.info,
            pieceLayers: files.hashes.layers,
            reference: names.first,
            origins: origins.locations
        )
        let bytes = MetainfoCodec.encode(metainfo)
        let (store, infoHash, name) = (around.store, infoHash, names.first)
        do {
            try await onThread { try store.saveTorrent(bytes, for: infoHash, as: name) }
        } catch {
            logger.warning("the metainfo cannot be kept", metadata: ["reason": "\(error)"])
        }
    }

    // MARK: Hash requests of peers

    func runHashServing() async {
        for await job in jobs.hashServes.stream { await serve(job) }
    }

    private func serve(_ job: Jobs.HashServe) async {
        guard let files else { return }
        let verified = swarm.picker?.verified ?? Bitfield(count: files.info.geometry.pieceCount)
        let answer = try? await onThread {
            try files.hashes.answer(job.range) { file, leaves in
                try files.leaves(of: file, leaves, verified: verified)
            }
        }
        let message: PeerMessage =
            if let hashes = answer ?? nil {
                .hashes(job.range, hashes)
            } else {
                // Pitfall: a reject echoes the request, an unknown root included (BEP 52).
                .hashReject(job.range)
            }
        transports[job.peer]?.send([message])
        handle(.hashesServed(to: job.peer))
    }

    // MARK: Metadata that has arrived

    func checkMetadata() {
        let bytes = metadata
        metadata = []
        let info: VersionInfo
        do {
            info = try MetainfoCodec.decodeInfo(bytes, hasher: SystemHasher())
        } catch {
            logger.warning("metadata refused", metadata: ["reason": "\(error)"])
            handle(.metadataRefuted)
            return
        }
        guard info.infoHash == infoHash else {
            handle(.metadataRefuted)
            return
        }
        do {
            let files = try makeFiles(info)
            gate.open(files)
            begin(files)
            jobs.disk.add(.keepTorrent)
        } catch {
            logger.error("the version cannot be opened", metadata: ["reason": "\(error)"])
            resolve(.failed("\(error)"))
        }
    }
}
