import SwarmStorage
import Synchronization
import SystemPackage

/// Passes calls on to another file system, counts them, and lets one of them go wrong.
final class FaultyDisk: FileSystem {
    enum Operation: Hashable, Sendable, CaseIterable {
        case open, read, write, allocate, truncate, sync, syncDirectory, changeMode, status, list
        case rename, link, unlink, makeDirectory, removeDirectory, reflink, lock, freeBytes
        case openDirect, symbolicLink
    }

    enum Fault: Hashable, Sendable {
        /// The call fails and has no effect.
        case error(Errno)
        /// A write or read transfers one byte only.
        case short
        /// The call and all that follow fail: the process is as good as dead.
        case death
    }

    private struct State: Sendable {
        var calls = 0
        var isDead = false
        var hasFired = false
    }

    private let base: any FileSystem
    private let number: Int
    private let fault: Fault
    private let only: Operation?
    private let state = Mutex(State())

    /// - Parameter number: of the call to spoil, from 1, counted among those of `only` if it is
    ///   given.
    init(_ base: any FileSystem, call number: Int, _ fault: Fault, only: Operation? = nil) {
        self.base = base
        self.number = number
        self.fault = fault
        self.only = only
    }

    /// Whether there were so many calls that the fault happened.
    var hasFired: Bool { state.withLock { $0.hasFired } }

    /// Counts a call. True when it is to be short.
    private func count(_ operation: Operation) throws(Errno) -> Bool {
        let outcome: Result<Bool, Errno> = state.withLock { state in
            if state.isDead { return .failure(.ioError) }
            if let only, only != operation { return .success(false) }
            state.calls += 1
            guard state.calls == number else { return .success(false) }
            state.hasFired = true
            switch fault {
            case .error(let errno): return .failure(errno)
            case .short: return .success(true)
            case .death:
                state.isDead = true
                return .failure(.ioError)
            }
        }
        return try outcome.get()
    }

    func open(_ path: FilePath, _ access: FileAccess) throws(Errno) -> FileDescriptor {
        _ = try count(access == .direct ? .openDirect : .open)
        return try base.open(path, access)
    }
    func close(_ file: FileDescriptor) throws(Errno) { try base.close(file) }

    func read(
        _ file: FileDescriptor,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(Errno) -> Int {
        let isShort = try count(.read)
        let part = UnsafeMutableRawBufferPointer(rebasing: isShort ? buffer.prefix(1) : buffer[...])
        return try base.read(file, into: part, at: offset)
    }
    func write(
        _ file: FileDescriptor,
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(Errno) -> Int {
        let isShort = try count(.write)
        let part = UnsafeRawBufferPointer(rebasing: isShort ? bytes.prefix(1) : bytes[...])
        return try base.write(file, part, at: offset)
    }
    func allocate(_ file: FileDescriptor, length: Int) throws(Errno) {
        _ = try count(.allocate)
        try base.allocate(file, length: length)
    }
    func truncate(_ file: FileDescriptor, length: Int) throws(Errno) {
        _ = try count(.truncate)
        try base.truncate(file, length: length)
    }
    func syncData(_ file: FileDescriptor) throws(Errno) {
        _ = try count(.sync)
        try base.syncData(file)
    }
    func sync(_ file: FileDescriptor) throws(Errno) {
        _ = try count(.sync)
        try base.sync(file)
    }
    func syncDirectory(_ path: FilePath) throws(Errno) {
        _ = try count(.syncDirectory)
        try base.syncDirectory(path)
    }
    func changeMode(_ path: FilePath, to mode: FilePermissions) throws(Errno) {
        _ = try count(.changeMode)
        try base.changeMode(path, to: mode)
    }
    func status(of file: FileDescriptor) throws(Errno) -> FileStatus {
        _ = try count(.status)
        return try base.status(of: file)
    }
    func status(at path: FilePath, followingLinks: Bool) throws(Errno) -> FileStatus? {
        _ = try count(.status)
        return try base.status(at: path, followingLinks: followingLinks)
    }
    func list(_ path: FilePath) throws(Errno) -> [String] {
        _ = try count(.list)
        return try base.list(path)
    }
    func rename(_ path: FilePath, to target: FilePath) throws(Errno) {
        _ = try count(.rename)
        try base.rename(path, to: target)
    }
    func link(_ path: FilePath, to target: FilePath) throws(Errno) {
        _ = try count(.link)
        try base.link(path, to: target)
    }
    func makeSymbolicLink(at path: FilePath, to text: String) throws(Errno) {
        _ = try count(.symbolicLink)
        try base.makeSymbolicLink(at: path, to: text)
    }
    func symbolicLink(at path: FilePath) throws(Errno) -> String {
        _ = try count(.symbolicLink)
        return try base.symbolicLink(at: path)
    }
    func unlink(_ path: FilePath) throws(Errno) {
        _ = try count(.unlink)
        try base.unlink(path)
    }
    func makeDirectory(_ path: FilePath, mode: FilePermissions) throws(Errno) {
        _ = try count(.makeDirectory)
        try base.makeDirectory(path, mode: mode)
    }
    func removeDirectory(_ path: FilePath) throws(Errno) {
        _ = try count(.removeDirectory)
        try base.removeDirectory(path)
    }
    func reflink(_ file: FileDescriptor, to target: FileDescriptor) throws(Errno) {
        _ = try count(.reflink)
        try base.reflink(file, to: target)
    }
    func dropCache(_ file: FileDescriptor, _ bytes: Range<Int>) { base.dropCache(file, bytes) }
    func isMemory(at path: FilePath) -> Bool { base.isMemory(at: path) }
    func lock(_ file: FileDescriptor) throws(Errno) -> Bool {
        _ = try count(.lock)
        return try base.lock(file)
    }
    func freeBytes(at path: FilePath) throws(Errno) -> Int {
        _ = try count(.freeBytes)
        return try base.freeBytes(at: path)
    }
}
