import SwarmModel
import SwarmStorage
import Synchronization
import SystemPackage

/// A file system in memory that keeps what is synced and what is not apart, so that a power loss
/// can be had at will. Strict: a file's sync does not make its name durable. A rename or link is
/// one step of the log even across two directories, as on journalling file systems.
final class MemoryDisk: FileSystem {
    /// What happens to the un-synced when the power goes.
    enum PowerLoss: Hashable, Sendable {
        /// The process was killed; the kernel goes on.
        case none
        case dropAll
        /// Each un-synced name and page stays or goes by chance.
        case mixed(seed: UInt64)
    }

    private struct Node {
        var isDirectory: Bool
        var mode: FilePermissions
        var data: [UInt8] = []
        var durable: [UInt8] = []
        var entries: [String: Int] = [:]
        var durableEntries: [String: Int] = [:]
        var modified: Int64 = 0
        /// What it says, when it is a symbolic link.
        var link: String?
    }

    /// One step of the log of names, not synced yet.
    private struct Step {
        var changes: [(directory: Int, name: String, node: Int?)]
    }

    private struct State {
        var nodes: [Node] = [Node(isDirectory: true, mode: [])]
        var steps: [Step] = []
        var open: [CInt: Int] = [:]
        /// Those that write past the page cache.
        var direct: Set<CInt> = []
        var directByteCount = 0
        var locks: [Int: CInt] = [:]
        var nextDescriptor: CInt = 100
        var clock: Int64 = 0
        var capacity = Int.max
        var linkError: Errno?
    }

    private static let pageSize = 4096
    private let state: Mutex<State>
    private let reads = Atomic<Int>(0)
    private let saysMemory: Bool

    /// Bytes written past the page cache.
    var directByteCount: Int { state.withLock { $0.directByteCount } }
    /// Reads so far.
    var readCount: Int { reads.load(ordering: .relaxed) }

    /// `saysMemory` makes it pass for a disk without a medium.
    init(saysMemory: Bool = false) {
        state = Mutex(State())
        self.saysMemory = saysMemory
    }
    private init(_ initial: State) {
        state = Mutex(initial)
        saysMemory = false
    }

    /// Bytes of all files together beyond which writes fail.
    func limit(to capacity: Int) { state.withLock { $0.capacity = capacity } }
    func refuseLinks(_ error: Errno?) { state.withLock { $0.linkError = error } }

    /// The disk as the next boot finds it.
    func rebooted(after loss: PowerLoss) -> MemoryDisk {
        state.withLock { old in
            var state = State()
            state.nodes = old.nodes
            state.clock = old.clock
            guard loss != .none else {
                state.steps = old.steps
                return MemoryDisk(state)
            }
            var random: SeededRandom? =
                if case .mixed(let seed) = loss { SeededRandom(seed: seed) } else { nil }
            for index in state.nodes.indices {
                Self.losePages(of: &state.nodes[index], &random)
                state.nodes[index].entries = state.nodes[index].durableEntries
            }
            for step in old.steps {
                guard random != nil, Bool.random(using: &random!) else { continue }
                for change in step.changes {
                    state.nodes[change.directory].entries[change.name] = change.node
                }
            }
            for index in state.nodes.indices {
                state.nodes[index].durableEntries = state.nodes[index].entries
            }
            return MemoryDisk(state)
        }
    }

    private static func losePages(of node: inout Node, _ random: inout SeededRandom?) {
        guard node.data != node.durable else { return }
        guard random != nil else {
            node.data = node.durable
            return
        }
        let length = Bool.random(using: &random!) ? node.data.count : node.durable.count
        var result = [UInt8](repeating: 0, count: length)
        for start in stride(from: 0, to: length, by: pageSize) {
            let from = Bool.random(using: &random!) ? node.data : node.durable
            for index in start..<min(start + pageSize, length) where index < from.count {
                result[index] = from[index]
            }
        }
        node.data = result
        node.durable = result
    }

    // MARK: For tests to look and meddle

    func bytes(at path: FilePath) -> [UInt8]? {
        state.withLock { state in
            (try? Self.find(path, state)).flatMap { $0 }.map { state.nodes[$0].data }
        }
    }

    /// Changes a file's bytes behind the store's back, durably.
    func alter(_ path: FilePath, _ body: (inout [UInt8]) -> Void) {
        state.withLock { state in
            guard let node = (try? Self.find(path, state)).flatMap({ $0 }) else {
                preconditionFailure("no '\(path)'")
            }
            body(&state.nodes[node].data)
            state.nodes[node].durable = state.nodes[node].data
            state.clock += 1
            state.nodes[node].modified = state.clock
        }
    }

    // MARK: Names

    private static func find(_ path: FilePath, _ state: State) throws(Errno) -> Int? {
        try find(components(path)[...], state)
    }

    /// Faster than `FilePath.components`, of which a test needs millions.
    private static func components(_ path: FilePath) -> [Substring] {
        path.string.split(separator: "/")
    }

    private static func find(
        _ components: ArraySlice<Substring>,
        _ state: State
    ) throws(Errno) -> Int? {
        var node = 0
        for component in components {
            guard state.nodes[node].isDirectory else { throw .notDirectory }
            guard let next = state.nodes[node].entries[String(component)] else { return nil }
            node = next
        }
        return node
    }

    private static func parent(
        _ path: FilePath,
        _ state: State
    ) throws(Errno) -> (directory: Int, name: String) {
        let components = components(path)
        guard let name = components.last, let directory = try find(components.dropLast(), state)
        else { throw .noSuchFileOrDirectory }
        guard state.nodes[directory].isDirectory else { throw .notDirectory }
        return (directory, String(name))
    }

    private static func existing(_ path: FilePath, _ state: State) throws(Errno) -> Int {
        guard let node = try find(path, state) else { throw .noSuchFileOrDirectory }
        return node
    }

    private static func apply(
        _ changes: [(directory: Int, name: String, node: Int?)],
        _ state: inout State
    ) {
        for change in changes { state.nodes[change.directory].entries[change.name] = change.node }
        state.steps.append(Step(changes: changes))
    }

    private func locked<R: Sendable>(
        _ body: (inout State) throws(Errno) -> R
    ) throws(Errno) -> R {
        try state.withLock { state throws(Errno) in try body(&state) }
    }

    // MARK: FileSystem

    func open(_ path: FilePath, _ access: FileAccess) throws(Errno) -> FileDescriptor {
        try locked { state throws(Errno) in
            let (directory, name) = try Self.parent(path, state)
            var node = state.nodes[directory].entries[name]
            switch access {
            case .created(let mode), .readWriteOrCreated(let mode):
                if case .created = access, node != nil { throw .fileExists }
                if node == nil {
                    node = state.nodes.count
                    state.nodes.append(Node(isDirectory: false, mode: mode))
                    Self.apply([(directory, name, node)], &state)
                }
            case .read, .followed, .readWrite, .direct: break
            }
            guard let node else { throw .noSuchFileOrDirectory }
            guard !state.nodes[node].isDirectory else { throw .isDirectory }
            let writes = access == .readWrite || access == .direct
            if writes, !state.nodes[node].mode.contains(.ownerWrite) { throw .permissionDenied }
            state.nextDescriptor += 1
            state.open[state.nextDescriptor] = node
            if access == .direct { state.direct.insert(state.nextDescriptor) }
            return FileDescriptor(rawValue: state.nextDescriptor)
        }
    }

    func close(_ file: FileDescriptor) throws(Errno) {
        try locked { state throws(Errno) in
            guard let node = state.open.removeValue(forKey: file.rawValue) else {
                throw .badFileDescriptor
            }
            if state.locks[node] == file.rawValue { state.locks[node] = nil }
        }
    }

    private static func node(_ file: FileDescriptor, _ state: State) throws(Errno) -> Int {
        guard let node = state.open[file.rawValue] else { throw .badFileDescriptor }
        return node
    }

    func read(
        _ file: FileDescriptor,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(Errno) -> Int {
        reads.add(1, ordering: .relaxed)
        let bytes = try locked { state throws(Errno) in
            let data = state.nodes[try Self.node(file, state)].data
            return Array(data.dropFirst(offset).prefix(buffer.count))
        }
        buffer.copyBytes(from: bytes)
        return bytes.count
    }

    func write(
        _ file: FileDescriptor,
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(Errno) -> Int {
        let address = UInt(bitPattern: bytes.baseAddress)
        let bytes = Array(bytes)
        return try locked { state throws(Errno) in
            let node = try Self.node(file, state)
            if state.direct.contains(file.rawValue) {
                let unit = Self.pageSize
                let isAligned = offset % unit == 0 && bytes.count % unit == 0
                guard isAligned, address % UInt(unit) == 0 else { throw .invalidArgument }
                state.directByteCount += bytes.count
            }
            // As on a real disk, what still fits is written.
            let used = state.nodes.reduce(0) { $0 + $1.data.count }
            let room = state.capacity - used
            let end = min(offset + bytes.count, state.nodes[node].data.count &+ room)
            let count = state.capacity == .max ? bytes.count : end - offset
            guard count > 0 else { throw .noSpace }
            try Self.grow(node, to: offset + count, &state)
            state.nodes[node].data.replaceSubrange(offset..<offset + count, with: bytes[..<count])
            state.clock += 1
            state.nodes[node].modified = state.clock
            return count
        }
    }

    private static func grow(_ node: Int, to length: Int, _ state: inout State) throws(Errno) {
        let missing = length - state.nodes[node].data.count
        guard missing > 0 else { return }
        let used = state.nodes.reduce(0) { $0 + $1.data.count }
        guard used + missing <= state.capacity else { throw .noSpace }
        state.nodes[node].data += [UInt8](repeating: 0, count: missing)
    }

    func allocate(_ file: FileDescriptor, length: Int) throws(Errno) {
        try locked { state throws(Errno) in
            try Self.grow(try Self.node(file, state), to: length, &state)
        }
    }

    func truncate(_ file: FileDescriptor, length: Int) throws(Errno) {
        try locked { state throws(Errno) in
            let node = try Self.node(file, state)
            try Self.grow(node, to: length, &state)
            state.nodes[node].data.removeLast(state.nodes[node].data.count - length)
        }
    }

    func syncData(_ file: FileDescriptor) throws(Errno) { try sync(file) }

    func sync(_ file: FileDescriptor) throws(Errno) {
        try locked { state throws(Errno) in
            let node = try Self.node(file, state)
            state.nodes[node].durable = state.nodes[node].data
        }
    }

    func syncDirectory(_ path: FilePath) throws(Errno) {
        try locked { state throws(Errno) in
            let directory = try Self.existing(path, state)
            var rest: [Step] = []
            for step in state.steps {
                guard step.changes.contains(where: { $0.directory == directory }) else {
                    rest.append(step)
                    continue
                }
                for change in step.changes {
                    state.nodes[change.directory].durableEntries[change.name] = change.node
                    // What happened to the name before can not come back.
                    for index in rest.indices {
                        rest[index].changes.removeAll {
                            $0.directory == change.directory && $0.name == change.name
                        }
                    }
                }
            }
            state.steps = rest
        }
    }

    func changeMode(_ path: FilePath, to mode: FilePermissions) throws(Errno) {
        try locked { state throws(Errno) in
            state.nodes[try Self.existing(path, state)].mode = mode
        }
    }

    private static func status(_ index: Int, _ state: State) -> FileStatus {
        let node = state.nodes[index]
        return FileStatus(
            kind: node.isDirectory ? .directory : node.link != nil ? .link : .file,
            size: node.data.count,
            allocated: node.data.count,
            mode: node.mode,
            inode: UInt64(index),
            device: 1,
            modified: node.modified
        )
    }

    func status(of file: FileDescriptor) throws(Errno) -> FileStatus {
        try locked { state throws(Errno) in Self.status(try Self.node(file, state), state) }
    }

    func status(at path: FilePath, followingLinks: Bool) throws(Errno) -> FileStatus? {
        try locked { state throws(Errno) in
            try Self.find(path, state).map { Self.status($0, state) }
        }
    }

    func list(_ path: FilePath) throws(Errno) -> [String] {
        try locked { state throws(Errno) in
            let node = state.nodes[try Self.existing(path, state)]
            guard node.isDirectory else { throw .notDirectory }
            return node.entries.keys.sorted()
        }
    }

    func rename(_ path: FilePath, to target: FilePath) throws(Errno) {
        try locked { state throws(Errno) in
            let node = try Self.existing(path, state)
            let (from, to) = (try Self.parent(path, state), try Self.parent(target, state))
            if let old = state.nodes[to.directory].entries[to.name] {
                let (isOld, isNew) = (state.nodes[old].isDirectory, state.nodes[node].isDirectory)
                if isOld && !isNew { throw .isDirectory }
                if isNew && !isOld { throw .notDirectory }
                if isOld && !state.nodes[old].entries.isEmpty { throw .directoryNotEmpty }
            }
            Self.apply([(from.directory, from.name, nil), (to.directory, to.name, node)], &state)
        }
    }

    func link(_ path: FilePath, to target: FilePath) throws(Errno) {
        try locked { state throws(Errno) in
            if let error = state.linkError { throw error }
            let node = try Self.existing(path, state)
            let to = try Self.parent(target, state)
            if state.nodes[to.directory].entries[to.name] != nil { throw .fileExists }
            Self.apply([(to.directory, to.name, node)], &state)
        }
    }

    func makeSymbolicLink(at path: FilePath, to text: String) throws(Errno) {
        try locked { state throws(Errno) in
            let (directory, name) = try Self.parent(path, state)
            if state.nodes[directory].entries[name] != nil { throw .fileExists }
            state.nodes.append(Node(isDirectory: false, mode: [], link: text))
            Self.apply([(directory, name, state.nodes.count - 1)], &state)
        }
    }

    func symbolicLink(at path: FilePath) throws(Errno) -> String {
        try locked { state throws(Errno) in
            guard let link = state.nodes[try Self.existing(path, state)].link else {
                throw .invalidArgument
            }
            return link
        }
    }

    func unlink(_ path: FilePath) throws(Errno) {
        try locked { state throws(Errno) in
            if state.nodes[try Self.existing(path, state)].isDirectory { throw .isDirectory }
            let (directory, name) = try Self.parent(path, state)
            Self.apply([(directory, name, nil)], &state)
        }
    }

    func makeDirectory(_ path: FilePath, mode: FilePermissions) throws(Errno) {
        try locked { state throws(Errno) in
            let (directory, name) = try Self.parent(path, state)
            if state.nodes[directory].entries[name] != nil { throw .fileExists }
            state.nodes.append(Node(isDirectory: true, mode: mode))
            Self.apply([(directory, name, state.nodes.count - 1)], &state)
        }
    }

    func removeDirectory(_ path: FilePath) throws(Errno) {
        try locked { state throws(Errno) in
            let node = state.nodes[try Self.existing(path, state)]
            guard node.isDirectory else { throw .notDirectory }
            guard node.entries.isEmpty else { throw .directoryNotEmpty }
            let (directory, name) = try Self.parent(path, state)
            Self.apply([(directory, name, nil)], &state)
        }
    }

    func reflink(_ file: FileDescriptor, to target: FileDescriptor) throws(Errno) {
        throw .notSupported
    }

    func dropCache(_ file: FileDescriptor, _ bytes: Range<Int>) {}

    func isMemory(at path: FilePath) -> Bool { saysMemory }

    func lock(_ file: FileDescriptor) throws(Errno) -> Bool {
        try locked { state throws(Errno) in
            let node = try Self.node(file, state)
            if state.locks[node] != nil { return false }
            state.locks[node] = file.rawValue
            return true
        }
    }

    func freeBytes(at path: FilePath) throws(Errno) -> Int {
        try locked { state throws(Errno) in
            state.capacity == .max
                ? 1 << 50 : state.capacity - state.nodes.reduce(0) { $0 + $1.data.count }
        }
    }
}
