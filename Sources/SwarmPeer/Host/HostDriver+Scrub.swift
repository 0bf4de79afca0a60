import Logging
import NIOPosix
import SwarmHash
import SwarmModel
import SwarmRuntime
import SwarmStorage
import SwarmWire

/// Reading what is here again, slowly, to find what has rotted before a server loads it.
extension HostDriver {
    /// Bytes read in one go.
    private static let stepByteCount = 1 << 20
    /// Until a reading that could not begin is tried again.
    private static let scrubRetry = Duration.seconds(60)

    func runScrub() async {
        while !isStopping {
            let begun = clock.now
            if settings.scrubBytesPerSecond > 0 {
                for reference in visible.sorted() where !isStopping && scrubFirst == nil {
                    await scrub(reference, bytesPerSecond: settings.scrubBytesPerSecond)
                }
            }
            if let reference = scrubFirst {
                scrubFirst = nil
                await scrub(reference, bytesPerSecond: nil)
                continue
            }
            // The ring that stops may have ended a wait within a reading.
            guard !isStopping else { return }
            let rest = settings.scrubPeriod - (clock.now - begun)
            await scrubs.wait(for: max(Self.scrubRetry, rest))
        }
    }

    /// Reads the version at once, as fast as the disk is.
    func scrubNow(_ reference: ModelReference) {
        scrubFirst = reference
        scrubs.ring()
    }

    private func scrub(_ reference: ModelReference, bytesPerSecond: Int?) async {
        do {
            let found = try await damage(of: reference, bytesPerSecond: bytesPerSecond)
            guard let found, !found.isSound else { return }
            counters.damagedVersions += 1
            logger.error(
                "a version is damaged on the disk; it is taken out of use and repaired",
                metadata: ["version": "\(reference)", "contents": "\(found.damaged.count)"]
            )
            // Nobody else may open the version meanwhile.
            await admission.enter()
            defer { admission.leave() }
            let hidden = try await node.repair(reference, damaged: found.damaged)
            await self.hidden(hidden)
        } catch {
            logger.warning(
                "a version cannot be read again",
                metadata: ["version": "\(reference)", "reason": "\(error)"]
            )
        }
    }

    /// Nil when the host stops first, or the version has no metainfo.
    private func damage(of reference: ModelReference, bytesPerSecond: Int?) async throws -> Scrub? {
        let store = node.store
        let start = try await node.threads.runIfActive { () -> Scrub? in
            let stored = try store.versions().first { $0.reference == reference }
            guard let stored, let bytes = try store.torrent(for: stored.infoHash) else {
                return nil
            }
            let metainfo = try MetainfoCodec.decode(bytes, hasher: SystemHasher())
            return try Scrub(
                reference,
                info: metainfo.info,
                layers: metainfo.pieceLayers,
                in: store
            )
        }
        guard var scrub = start else { return nil }
        while !scrub.isDone {
            let current = scrub
            let (next, count) = try await node.threads.runIfActive {
                var next = current
                let count = next.step(byteCount: Self.stepByteCount)
                return (next, count)
            }
            scrub = next
            counters.scrubbedBytes += count
            if let bytesPerSecond {
                let rest = Duration.seconds(Double(count) / Double(bytesPerSecond))
                await scrubs.wait(for: rest)
            }
            let isOvertaken = bytesPerSecond != nil && scrubFirst != nil
            if isStopping || isOvertaken || !visible.contains(reference) { return nil }
        }
        return scrub
    }
}
