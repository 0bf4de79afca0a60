/// The store's knobs.
package struct StoreSettings: Hashable, Sendable {
    /// Bytes that a download leaves free on the disk. What it costs: that much space, for the
    /// journal and for whoever else writes there.
    package var spareBytesMin: Int = 64 << 20

    /// Superseded records that the journal may carry, beyond as many as it needs, before it is
    /// written anew. What it costs: 64 bytes of disk each, and the reading of them at the start.
    package var journalRecordsSlack: Int = 4096

    /// Blocks are written past the page cache (O_DIRECT), where the file system can. What it costs:
    /// a copy to aligned memory, and a read from the disk for each block that is sent on. What it
    /// gains: the memory stays with whoever else needs it, and a commit finds nothing to write.
    package var directIO = false

    package init() {}
}
