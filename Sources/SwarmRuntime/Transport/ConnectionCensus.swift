import NIOCore
import SwarmModel

/// Who is connected, so that no remote and no crowd of remotes takes more connections than the
/// limits allow. A channel is counted from before its first byte until it is closed.
final class ConnectionCensus: Sendable {
    fileprivate struct Entry: Sendable {
        let channel: any Channel
        let address: Endpoint.Address?
        /// The listening channel; nil for a dialled connection.
        let listener: ObjectIdentifier?
        var isAuthenticated: Bool
    }

    fileprivate struct State: Sendable {
        var entries: [ObjectIdentifier: Entry] = [:]
        var perAddress: [Endpoint.Address: Int] = [:]
        /// Accepted and without a handshake.
        var unauthenticated = 0
        var isShutDown = false
    }

    private let limits: TransportLimits
    private let state = Locked(State())

    init(limits: TransportLimits) { self.limits = limits }

    var count: Int { state.withLock { $0.entries.count } }

    /// Counts a channel in until it is closed. False when a limit is reached: the caller closes it.
    func admit(_ channel: any Channel, remote: Endpoint?) -> Bool {
        let key = ObjectIdentifier(channel)
        let entry = Entry(
            channel: channel,
            address: remote?.address,
            listener: channel.parent.map(ObjectIdentifier.init),
            isAuthenticated: false
        )
        let limits = limits
        let isAdmitted = state.withLock { $0.admit(entry, as: key, limits: limits) }
        if isAdmitted {
            channel.closeFuture.whenComplete { _ in self.state.withLock { $0.remove(key) } }
        }
        return isAdmitted
    }

    /// The channel's handshake is done.
    func markAuthenticated(_ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        state.withLock { $0.markAuthenticated(key) }
    }

    /// Channels that the listener accepted and that have no handshake yet.
    func unauthenticated(of listener: any Channel) -> [any Channel] {
        let key = ObjectIdentifier(listener)
        return state.withLock { state in
            state.entries.values.filter { $0.listener == key && !$0.isAuthenticated }.map(\.channel)
        }
    }

    /// Admits none from now on. Returns those that are here.
    func shutDown() -> [any Channel] {
        state.withLock { state in
            state.isShutDown = true
            return state.entries.values.map(\.channel)
        }
    }
}

extension ConnectionCensus.State {
    fileprivate mutating func admit(
        _ entry: ConnectionCensus.Entry,
        as key: ObjectIdentifier,
        limits: TransportLimits
    ) -> Bool {
        guard !isShutDown, entries.count < limits.connectionsMax else { return false }
        if entry.listener != nil, unauthenticated >= limits.unauthenticatedMax { return false }
        if let address = entry.address {
            let count = perAddress[address, default: 0]
            guard count < limits.connectionsPerAddressMax else { return false }
            perAddress[address] = count + 1
        }
        if entry.listener != nil { unauthenticated += 1 }
        entries[key] = entry
        return true
    }

    fileprivate mutating func markAuthenticated(_ key: ObjectIdentifier) {
        guard var entry = entries[key], !entry.isAuthenticated else { return }
        entry.isAuthenticated = true
        entries[key] = entry
        if entry.listener != nil { unauthenticated -= 1 }
    }

    fileprivate mutating func remove(_ key: ObjectIdentifier) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        if entry.listener != nil, !entry.isAuthenticated { unauthenticated -= 1 }
        guard let address = entry.address, let count = perAddress[address] else { return }
        perAddress[address] = count > 1 ? count - 1 : nil
    }
}
