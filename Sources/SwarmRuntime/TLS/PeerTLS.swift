package import Foundation
import NIOCore
import NIOSSL
import SystemPackage

/// A peer's certificates, read again when the files change: connections opened after that use the
/// new ones, open ones go on as they are.
package final class PeerTLS: Sendable {
    /// What became of files that changed.
    package enum Reload: Sendable {
        case taken(expires: Date)
        /// What was read before stays in use.
        case refused(TLSError)
    }

    /// What tells one state of a file from another.
    private struct Stamp: Hashable, Sendable {
        /// The `timespec`, only compared.
        var modified: [UInt8]
        var size: Int64
        var inode: UInt64
    }

    private struct State: Sendable {
        var material: TLSMaterial
        var stamps: [Stamp?]
        var lookAt: NIODeadline
    }

    package let files: TLSFiles
    private let farewellTimeout: Duration
    private let state: Locked<State>
    private let report: @Sendable (Reload) -> Void
    /// How often at most the files are looked at: new ones are used within that time.
    private static let interval = TimeAmount.seconds(1)

    /// Reads the files. `report` hears of later ones, on an event loop.
    package init(
        _ files: TLSFiles,
        farewellTimeout: Duration = TransportLimits().farewellTimeout,
        report: @escaping @Sendable (Reload) -> Void = { _ in }
    ) throws(TLSError) {
        self.files = files
        self.farewellTimeout = farewellTimeout
        self.report = report
        let stamps = Self.stamps(of: files)
        let material = try TLSMaterial.load(files, farewellTimeout: farewellTimeout)
        state = Locked(State(material: material, stamps: stamps, lookAt: .now() + Self.interval))
    }

    /// When our certificate ends.
    package var expires: Date { state.withLock { $0.material.expires } }

    /// The contexts for a new connection. Looks at the files, once a second at most.
    func material(at now: NIODeadline = .now()) -> TLSMaterial {
        let due = state.withLock { state in
            guard now >= state.lookAt else { return false }
            state.lookAt = now + Self.interval
            return true
        }
        if due { lookAgain() }
        return state.withLock { $0.material }
    }

    private func lookAgain() {
        let stamps = Self.stamps(of: files)
        guard state.withLock({ $0.stamps != stamps }) else { return }
        do throws(TLSError) {
            let fresh = try TLSMaterial.load(files, farewellTimeout: farewellTimeout)
            state.withLock {
                $0.material = fresh
                $0.stamps = stamps
            }
            report(.taken(expires: fresh.expires))
        } catch {
            // Perhaps one of the files is yet to come: the next change is looked at again.
            state.withLock { $0.stamps = stamps }
            report(.refused(error))
        }
    }

    private static func stamps(of files: TLSFiles) -> [Stamp?] {
        files.all.map { path in
            guard let status = try? FilePath(path).stat() else { return nil }
            return Stamp(
                modified: withUnsafeBytes(of: status.st_mtim) { Array($0) },
                size: Int64(status.size),
                inode: UInt64(status.inode.rawValue)
            )
        }
    }
}
