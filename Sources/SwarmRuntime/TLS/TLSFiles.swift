/// The PEM files of a peer's certificates.
package struct TLSFiles: Hashable, Sendable {
    /// Our certificate, and after it those that lead to the authority.
    package var certificate: String
    /// The certificate's private key, not encrypted.
    package var key: String
    /// The authorities that sign the certificates of peers.
    package var authority: String

    package init(certificate: String, key: String, authority: String) {
        self.certificate = certificate
        self.key = key
        self.authority = authority
    }

    var all: [String] { [certificate, key, authority] }
}

/// Why there can be no TLS with the files given; the message names the file and the remedy.
package struct TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        case unreadable, notPEM, keyMismatch, untrusted
    }

    package let code: Code
    package let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
