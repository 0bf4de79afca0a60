internal import Glibc

/// Has the processor fetch into its cache what will be read next of a file, while something else is
/// computed: copying out of the page cache waits for memory, and hashing leaves memory idle.
///
/// The file is mapped for that, and nothing is read through the mapping. A prefetch of a page that
/// is not there does nothing, whereas reading one of a file that was cut short ends the process.
/// One for each thread, and a new one when a file is opened: its number may be that of another that
/// was closed.
struct FetchAhead: ~Copyable {
    private var window: (file: Int32, offset: Int, base: UnsafeMutableRawPointer)?
    /// Mapped at once: little page table, and few calls.
    static let windowBytes = 32 << 20

    init() {}

    deinit { unmap() }

    /// Where the bytes at `offset` of an open file can be prefetched, once they are in the page
    /// cache: reads them from the disk if they are not. Nil where the system cannot do that.
    mutating func fetch(_ count: Int, at offset: Int, of file: Int32) -> UnsafeRawPointer? {
        guard count > 0, count <= Self.windowBytes / 2 else { return nil }
        if !covers(offset..<offset + count, of: file) { map(file, from: offset) }
        guard let window else { return nil }
        let start = offset - window.offset
        let page = start / Self.pageBytes * Self.pageBytes
        // An error means that the bytes are not there; whoever reads them is told.
        guard madvise(window.base + page, start + count - page, MADV_POPULATE_READ) == 0 else {
            return nil
        }
        return UnsafeRawPointer(window.base + start)
    }

    private static let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
    /// Windows begin at whole huge pages: the kernel enters one of a file in memory at once, and
    /// what is before the first whole one page by page.
    private static let hugePageBytes = 2 << 20

    private func covers(_ bytes: Range<Int>, of file: Int32) -> Bool {
        guard let window else { return false }
        return window.file == file && bytes.lowerBound >= window.offset
            && bytes.upperBound <= window.offset + Self.windowBytes
    }

    private mutating func map(_ file: Int32, from offset: Int) {
        unmap()
        window = nil
        let start = offset / Self.hugePageBytes * Self.hugePageBytes
        let base = mmap(nil, Self.windowBytes, PROT_READ, MAP_SHARED, file, start)
        guard let base, base != MAP_FAILED else { return }
        madvise(base, Self.windowBytes, MADV_SEQUENTIAL)
        window = (file, start, base)
    }

    private func unmap() {
        if let window { munmap(window.base, Self.windowBytes) }
    }
}
