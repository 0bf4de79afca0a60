import Glibc
import SwarmHash
import SystemPackage
import Testing

@testable import SwarmStorage

@Suite("FetchAhead")
struct FetchAheadTests {
    private static let window = FetchAhead.windowBytes

    /// A sparse file of two windows and a bit, with a mark at each of `places`.
    private func withFile(
        marksAt places: [Int],
        _ body: (FileDescriptor) throws -> Void
    ) throws {
        let directory = try TemporaryDirectory()
        let file = try FileDescriptor.open(
            directory.path.appending("weights"),
            .readWrite,
            options: .create,
            permissions: .ownerReadWrite
        )
        try file.closeAfter {
            #expect(ftruncate(file.rawValue, 2 * Self.window + 12345) == 0)
            for place in places {
                _ = try file.writeAll(toAbsoluteOffset: Int64(place), Self.mark(place))
            }
            try body(file)
        }
    }

    private static func mark(_ place: Int) -> [UInt8] { Array("here is \(place)".utf8) }

    @Test("what is fetched is what lies there, wherever the window is")
    func places() throws {
        let places = [
            0, 5000, Self.window - 7, Self.window + 50, 2 * Self.window + 12000, 40,
        ]
        try withFile(marksAt: places) { file in
            var ahead = FetchAhead()
            for place in places {
                let mark = Self.mark(place)
                let found = ahead.fetch(mark.count, at: place, of: file.rawValue)
                let start = try #require(found, "at \(place)")
                #expect(Array(UnsafeRawBufferPointer(start: start, count: mark.count)) == mark)
            }
        }
    }

    @Test("the most that may be asked for lies in one window, whatever its offset")
    func longest() throws {
        let (count, offset) = (Self.window / 2, (2 << 20) - 1)
        let mark = Self.mark(1)
        try withFile(marksAt: []) { file in
            let end = offset + count - mark.count
            _ = try file.writeAll(toAbsoluteOffset: Int64(end), mark)
            var ahead = FetchAhead()
            let found = ahead.fetch(count, at: offset, of: file.rawValue)
            let start = try #require(found)
            let last = UnsafeRawBufferPointer(start: start, count: count).suffix(mark.count)
            #expect(Array(last) == mark)
        }
    }

    @Test("another file is another window")
    func files() throws {
        try withFile(marksAt: [100]) { first in
            try withFile(marksAt: [200]) { second in
                var ahead = FetchAhead()
                let other = ahead.fetch(20, at: 100, of: first.rawValue)
                #expect(other != nil)
                let mark = Self.mark(200)
                let found = ahead.fetch(mark.count, at: 200, of: second.rawValue)
                let start = try #require(found)
                #expect(Array(UnsafeRawBufferPointer(start: start, count: mark.count)) == mark)
            }
        }
    }

    @Test("a file that is cut short is no error, before or after it was mapped")
    func cut() throws {
        let bytes = [UInt8](repeating: 7, count: 1 << 20)
        let leaves = bytes.withUnsafeBytes { LeafHasher.leaves(of: $0) }
        try withFile(marksAt: []) { file in
            var ahead = FetchAhead()
            let found = ahead.fetch(bytes.count, at: 0, of: file.rawValue)
            let start = try #require(found)
            #expect(ftruncate(file.rawValue, 0) == 0)
            for kernel in HashKernel.available {
                let again = bytes.withUnsafeBytes {
                    LeafHasher.leaves(of: $0, using: kernel, ahead: start)
                }
                #expect(again == leaves)
            }
            for offset in [0, Self.window] {
                let gone = ahead.fetch(bytes.count, at: offset, of: file.rawValue)
                #expect(gone == nil)
            }
        }
    }

    @Test("what cannot be mapped is not fetched")
    func unmapped() {
        var ahead = FetchAhead()
        let none = (ahead.fetch(4096, at: 0, of: -1), ahead.fetch(0, at: 0, of: 0))
        #expect(none.0 == nil && none.1 == nil)
    }
}
