import Foundation

/// How hosts are kept apart on this machine.
package enum Isolation: Hashable, Sendable {
    /// A network namespace for each host.
    case namespaces
    /// Addresses 127.77.x.y: real processes and sockets, but nothing is shaped or counted.
    case loopback

    package static let remedy =
        "run it as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)"

    /// What this machine allows. Says what is missing when a tool is not there.
    package static func choose(loopback: Bool) async throws -> Isolation {
        if loopback || getuid() != 0 { return .loopback }
        for tool in ["ip", "tc", "nft", "nsenter"] {
            do {
                try await Shell.run("command -v \(tool)")
            } catch {
                throw TestnetError(
                    "there is no '\(tool)'",
                    remedy: "apt-get install iproute2 nftables util-linux, or use --loopback"
                )
            }
        }
        return .namespaces
    }

    package var note: String? {
        guard self == .loopback else { return nil }
        return "no network namespaces: every host is on loopback, and neither rates nor "
            + "boundaries mean anything; \(Self.remedy)"
    }
}
