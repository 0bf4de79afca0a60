import NIOCore
import NIOSSL

extension PeerConnectionHandler {
    /// What to tell of an error that a handler before us reports.
    func reason(for error: any Error) -> CloseReason {
        guard let handler = tlsHandler else { return .ioError("\(error)") }
        switch error {
        case NIOSSLError.uncleanShutdown: return .remoteClosed
        case NIOSSLError.handshakeFailed(let cause): return .tlsFailed(words(for: cause, handler))
        case let cause as BoringSSLError: return .tlsFailed(words(for: cause, handler))
        // A remote that refuses us may be gone before we have read its alert.
        case is IOError where isHandshaking: return .tlsFailed(Self.hungUp)
        default: return .ioError("\(error)")
        }
    }

    func reportRefusal(_ reason: CloseReason) {
        switch reason {
        case .tlsFailed, .plaintextRefused: resources.tlsRefused(remote, reason)
        default: break
        }
    }

    private func words(for error: BoringSSLError, _ handler: NIOSSLHandler) -> String {
        if let flaw = flaw(ofPeerOf: handler) { return flaw }
        let text = "\(error)"
        let known = Self.knownErrors.first { text.contains($0.code) }
        return known.map { $0.words } ?? text
    }

    /// Why the remote's certificate is refused. TLS itself says only that it is.
    private func flaw(ofPeerOf handler: NIOSSLHandler) -> String? {
        guard let tls = resources.tls, let certificate = handler.peerCertificate,
            let der = try? certificate.toDERBytes()
        else { return nil }
        return CertificateCheck.flaw(
            of: [der],
            trusting: tls.material().authorities,
            named: "an authority in '\(tls.files.authority)' (--tls-ca)",
            for: isAccepted ? .client : .server
        )
    }

    private static let hungUp =
        "the remote hung up amid the handshake: it may have no certificates, or refuse ours"

    /// BoringSSL's names for what goes wrong between two peers, in words.
    private static let knownErrors: [(code: String, words: String)] = [
        ("ALERT_CERTIFICATE_EXPIRED", "the remote says that our certificate (--tls-cert) expired"),
        (
            "ALERT_UNKNOWN_CA",
            "the remote does not know the authority of our certificate (--tls-cert): both ends "
                + "need the same in --tls-ca"
        ),
        (
            "ALERT_BAD_CERTIFICATE", "the remote refuses our certificate (--tls-cert)"
        ),
        (
            "ALERT_CERTIFICATE_UNKNOWN", "the remote refuses our certificate (--tls-cert)"
        ),
        (
            "PEER_DID_NOT_RETURN_A_CERTIFICATE", "the remote shows no certificate"
        ),
        (
            "CERTIFICATE_VERIFY_FAILED",
            "the remote's certificate is not signed by an authority in --tls-ca, or not valid now"
        ),
        ("WRONG_VERSION_NUMBER", "the remote does not speak TLS 1.3"),
        ("UNSUPPORTED_PROTOCOL", "the remote does not speak TLS 1.3"),
        ("EOF during handshake", hungUp),
    ]
}
