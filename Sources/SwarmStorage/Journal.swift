internal import SwarmModel
internal import Synchronization
internal import SystemPackage

/// The durable record of which blocks are verified: an append-only file of checksummed records.
///
/// Appends from several threads that meet are written and synced together (group commit): the first
/// to get the file writes what all have queued, the others find it done. A claim counts from the
/// moment that it is durable; a retraction from the moment that it is made. When the file and the
/// claims may differ (a sync failed, or a retraction could not be written) the journal is *broken*:
/// nothing may be written into a partial until it has been written anew, because the file may still
/// vouch for the bytes that would be overwritten.
package final class Journal: Sendable {
    /// Largest journal that is read at the start. One this large is the product of a fault: it is
    /// rewritten long before.
    static let bytesMax = 1 << 30

    private struct Writer: Sendable {
        var file: OpenFile
        var slotCount: Int
        /// How many of them a file without superseded records would have had when this was last
        /// known.
        var slotCountNeeded: Int
        var claims: BlockClaims
    }

    /// Records that will be synced together.
    private final class Batch: Sendable {
        let outcome = Mutex<Result<Void, StorageError>?>(nil)
    }

    private struct Queue: Sendable {
        var batch = Batch()
        var records: [JournalRecord] = []
    }

    private let layout: StoreLayout
    private let recordsSlack: Int
    private let fileSystem: any FileSystem
    private let queue = Mutex(Queue())
    private let writer: Mutex<Writer>
    private let broken = Atomic(false)

    /// Opens the journal of a data directory, or makes one.
    ///
    /// - Parameter partials: the contents of which a partial is there; claims on others are
    ///   dropped. All of them must be read when the journal is lost or has rotted.
    /// - Parameter note: given sentences for the log.
    init(
        layout: StoreLayout,
        fileSystem: any FileSystem,
        recordsSlack: Int,
        partials: Set<Digest>,
        note: (String) -> Void
    ) throws(StorageError) {
        self.layout = layout
        self.recordsSlack = recordsSlack
        self.fileSystem = fileSystem
        let path = layout.journal
        let bytes = try fileSystem.contents(of: path, byteCountMax: Self.bytesMax)
        var replay = (bytes ?? []).withUnsafeBytes { Self.replay(bytes: $0) }
        if replay.isForeign {
            throw StorageError(
                .system,
                "'\(path)' was written by another version of this program; use that version, "
                    + "or remove the file and let the data be read again",
                path: path
            )
        }
        if let damage = replay.damage { note("'\(path)': \(damage)") }
        var mustRewrite = replay.damage != nil
        let known = Set(replay.claims.byRoot.keys).union(replay.claims.unread)
        for root in known.subtracting(partials) {
            replay.claims.apply(JournalRecord(.removed, root))
            mustRewrite = true
        }
        if replay.hasForgotten, !partials.isEmpty {
            for root in partials { replay.claims.apply(JournalRecord(.unread, root)) }
            mustRewrite = true
            if replay.damage == nil { note("'\(path)' is gone; what it vouched for must be read") }
        }
        let needed = replay.claims.records.count + 1
        if !mustRewrite, (1...2 * needed + recordsSlack).contains(replay.slotCount) {
            let file = try attempt(.open, path) { () throws(Errno) in
                try OpenFile(path, .readWrite, in: fileSystem)
            }
            writer = Mutex(
                Writer(
                    file: file,
                    slotCount: replay.slotCount,
                    slotCountNeeded: needed,
                    claims: replay.claims
                )
            )
        } else {
            writer = Mutex(try Self.rewritten(replay.claims, layout, fileSystem))
        }
    }

    func claims(of root: Digest) -> BlockSet { writer.withLock { $0.claims[root] } }
    func isUnread(_ root: Digest) -> Bool { writer.withLock { $0.claims.unread.contains(root) } }

    /// Makes records durable. When it throws, those that add are not in force (and may be given
    /// again), those that take back are.
    func append(_ records: [JournalRecord]) throws(StorageError) {
        if records.isEmpty { return }
        let batch = queue.withLock { queue in
            queue.records += records
            return queue.batch
        }
        let outcome = writer.withLock { writer in
            if let outcome = batch.outcome.withLock({ $0 }) { return outcome }
            // The batch is still the queue's: only the holder of the writer takes it out.
            let records = queue.withLock { queue in
                defer { queue = Queue() }
                return queue.records
            }
            let outcome = Result { () throws(StorageError) in try commit(records, &writer) }
            batch.outcome.withLock { $0 = outcome }
            return outcome
        }
        try outcome.get()
    }

    /// Writes the journal anew when the file and the claims may differ. Call before bytes of a
    /// partial are overwritten.
    func repairIfBroken() throws(StorageError) {
        guard broken.load(ordering: .acquiring) else { return }
        try writer.withLock { writer throws(StorageError) in try repair(&writer) }
    }

    private func repair(_ writer: inout Writer) throws(StorageError) {
        guard broken.load(ordering: .acquiring) else { return }
        writer = try Self.rewritten(writer.claims, layout, fileSystem)
        broken.store(false, ordering: .releasing)
    }

    private func commit(_ records: [JournalRecord], _ writer: inout Writer) throws(StorageError) {
        for record in records where record.retracts { writer.claims.apply(record) }
        do {
            try repair(&writer)
            try appendToFile(records, &writer)
        } catch {
            if records.contains(where: \.retracts) { broken.store(true, ordering: .releasing) }
            throw error
        }
        for record in records { writer.claims.apply(record) }
        if writer.slotCount > 2 * writer.slotCountNeeded + recordsSlack { compact(&writer) }
    }

    private func appendToFile(
        _ records: [JournalRecord],
        _ writer: inout Writer
    ) throws(StorageError) {
        let first = writer.slotCount
        var bytes: [UInt8] = []
        for (index, record) in records.enumerated() {
            JournalCodec.append(record, slot: first + index, batch: first, to: &bytes)
        }
        let file = writer.file
        let offset = first * JournalCodec.slotByteCount
        do {
            try file.write(all: bytes, at: offset)
        } catch {
            // Whole records of a short write vouch for bytes that the caller will think unverified.
            do {
                try fileSystem.truncate(file.descriptor, length: offset)
                try file.syncData()
            } catch { broken.store(true, ordering: .releasing) }
            throw .refused(.write, layout.journal, error)
        }
        do { try file.syncData() } catch {
            broken.store(true, ordering: .releasing)
            throw .refused(.sync, layout.journal, error)
        }
        writer.slotCount += records.count
    }

    /// Replaces a file with many superseded records. Failing is no harm beyond the rewrite that the
    /// next call then owes.
    private func compact(_ writer: inout Writer) {
        broken.store(true, ordering: .releasing)
        try? repair(&writer)
    }

    /// Writes the claims to a new file and puts it in the journal's place in one step.
    private static func rewritten(
        _ claims: BlockClaims,
        _ layout: StoreLayout,
        _ fileSystem: any FileSystem
    ) throws(StorageError) -> Writer {
        let draft = layout.journalDraft
        try fileSystem.removeTree(draft)
        let file = try attempt(.create, draft) { () throws(Errno) in
            try OpenFile(draft, .created(StoreLayout.fileMode), in: fileSystem)
        }
        var bytes = JournalCodec.header
        let records = claims.records
        for (index, record) in records.enumerated() {
            JournalCodec.append(record, slot: index + 1, batch: 1, to: &bytes)
        }
        try attempt(.write, draft) { () throws(Errno) in
            try file.write(all: bytes, at: 0)
        }
        try attempt(.sync, draft) { () throws(Errno) in try file.sync() }
        try attempt(.rename, draft) { () throws(Errno) in
            try fileSystem.rename(draft, to: layout.journal)
        }
        try fileSystem.makeDurable(namesIn: layout.root)
        let slots = records.count + 1
        return Writer(file: file, slotCount: slots, slotCountNeeded: slots, claims: claims)
    }
}
