internal import SwarmModel
internal import Synchronization

/// The state in which each file was first read, so that bytes of two states are never mixed. A
/// state that differs is an error once; the next read begins anew with what is there then.
final class SeenTags: Sendable {
    private let tags = Mutex<[String: String]>([:])

    func tag(of name: String) -> String? { tags.withLock { $0[name] } }

    func forget(_ name: String) { tags.withLock { $0[name] = nil } }

    /// Remembers the tag of a file read for the first time.
    func check(_ tag: String, of name: String) throws(OriginError) {
        let before = tags.withLock { tags -> String? in
            guard let before = tags[name], before != tag else {
                tags[name] = tag
                return nil
            }
            tags[name] = nil
            return before
        }
        if before != nil { throw OriginError(.changed("version of '\(name)'")) }
    }
}
