/// Why a connection ended. The driver decides from it whether to dial again, and logs it as it is.
package enum CloseReason: Error, Hashable, Sendable {
    /// The remote said something that the protocol forbids; the text says what.
    case protocolViolation(String)
    /// The remote did not say its whole handshake in time.
    case handshakeTimeout
    /// The first byte was not 19: an encrypted or foreign protocol. Clients that try encryption
    /// first dial again in plain text.
    case wrongFirstByte
    /// There is no TLS with the remote; the text says why.
    case tlsFailed(String)
    /// The remote speaks in the clear, and the policy demands TLS of everybody.
    case plaintextRefused
    /// The handshake names a swarm that is not ours, or not the one that we dialled for.
    case unknownSwarm
    /// The remote's peer id is our own.
    case selfConnection
    case remoteClosed
    /// The operating system's word on what went wrong.
    case ioError(String)
    /// The remote reads slower than we were told to write, see ``TransportLimits/unsentBytesMax``.
    case tooManyUnsent
    /// The driver closed it.
    case localRequest(String)
}

extension CloseReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .protocolViolation(let what): "protocol violation: \(what)"
        case .handshakeTimeout: "no complete handshake in time"
        case .wrongFirstByte: "not a plain BitTorrent handshake"
        case .tlsFailed(let why): "TLS: \(why)"
        case .plaintextRefused:
            "plaintext refused: the policy of this peer demands TLS (--tls-policy)"
        case .unknownSwarm: "handshake for another swarm"
        case .selfConnection: "connected to ourselves"
        case .remoteClosed: "closed by the remote"
        case .ioError(let what): "input/output error: \(what)"
        case .tooManyUnsent: "the remote does not read what it is sent"
        case .localRequest(let why): "closed by us: \(why)"
        }
    }
}
