import Foundation
import NIOCore
import NIOPosix
import SwarmModel
import Synchronization
import Testing

@testable import SwarmOrigin

@Suite("A directory as an origin")
struct DirectoryOriginTests {
    /// A directory with one file, and an origin on it.
    private final class Fixture {
        let directory: URL
        let threads = NIOThreadPool(numberOfThreads: 1)
        let origin: DirectoryOrigin

        init(_ bytes: [UInt8]) throws {
            directory = FileManager.default.temporaryDirectory
                .appending(path: "shoal-origin-\(UUID().uuidString)")
            let inner = directory.appending(path: "a")
            try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
            try Data(bytes).write(to: inner.appending(path: "b"))
            threads.start()
            origin = DirectoryOrigin(directory: directory.path, threads: threads)
        }

        deinit {
            try? FileManager.default.removeItem(at: directory)
            threads.shutdownGracefully { _ in }
        }

        func read(_ bytes: Range<Int>, length: Int) async throws -> [UInt8] {
            let taken = Mutex<[UInt8]>([])
            let request = OriginRequest(path: ["a", "b"], bytes: bytes, length: length)
            try await origin.read(request) { chunk in
                taken.withLock { $0 += Array(chunk.readableBytesView) }
            }
            return taken.withLock { $0 }
        }
    }

    @Test("ranges are read exactly")
    func ranges() async throws {
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let fixture = try Fixture(bytes)
        for range in [0..<1, 5..<2_500_000, 2_999_999..<3_000_000, 0..<3_000_000] {
            #expect(try await fixture.read(range, length: bytes.count) == Array(bytes[range]))
        }
        let lengths = try await fixture.origin.lengths(of: [["a", "b"], ["a", "c"], ["x"]])
        #expect(lengths == [3_000_000, nil, nil])
    }

    @Test("another length, a missing file and a changed one are told apart")
    func faults() async throws {
        let fixture = try Fixture(Array(repeating: 1, count: 100))
        let wrong = await #expect(throws: OriginError.self) {
            try await fixture.read(0..<10, length: 99)
        }
        #expect(wrong?.fault == .wrongLength(found: 100, published: 99))
        #expect(try await fixture.read(0..<10, length: 100).count == 10)
        let path = fixture.directory.appending(path: "a/b")
        try FileManager.default.removeItem(at: path)
        let missing = await #expect(throws: OriginError.self) {
            try await fixture.read(0..<10, length: 100)
        }
        #expect(missing?.fault.severity == .refusal)
        try Data(repeating: 2, count: 100).write(to: path)
        let changed = await #expect(throws: OriginError.self) {
            try await fixture.read(0..<10, length: 100)
        }
        #expect(changed?.fault.severity == .changed)
        // Then it is read anew, as it is now.
        #expect(try await fixture.read(0..<2, length: 100) == [2, 2])
    }
}
