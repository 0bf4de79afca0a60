import Foundation
import NIOCore
import NIOSSL
import SystemPackage

/// What the files of one moment make: contexts for both ends, and what is needed to say why
/// somebody else's certificate is refused.
struct TLSMaterial: Sendable {
    let server: NIOSSLContext
    let client: NIOSSLContext
    let authorities: [[UInt8]]
    /// When our own certificate ends.
    let expires: Date

    /// Reads and checks the files. Threads that load must not mind to wait for a disk.
    static func load(_ files: TLSFiles, farewellTimeout: Duration) throws(TLSError) -> TLSMaterial {
        let authorities = try certificates(in: files.authority, "--tls-ca")
        let chain = try certificates(in: files.certificate, "--tls-cert")
        let key = try key(in: files.key)
        let (ders, roots) = (chain.compactMap(der), authorities.compactMap(der))
        let fits = (try? key.derBytes).map { CertificateCheck.fits(key: $0, certificate: ders[0]) }
        guard fits == true else {
            throw TLSError(
                .keyMismatch,
                "the key in '\(files.key)' is not the key of the certificate in "
                    + "'\(files.certificate)'; give the two files that were made together"
            )
        }
        for use in CertificateCheck.Use.allCases {
            let authority = "an authority in '\(files.authority)'"
            if let flaw = CertificateCheck.flaw(
                of: ders,
                trusting: roots,
                named: authority,
                for: use
            ) {
                throw TLSError(
                    .untrusted,
                    "'\(files.certificate)': \(flaw); other peers would refuse it"
                )
            }
        }
        return try make(chain, key, authorities, roots, files, farewellTimeout)
    }

    private static func make(
        _ chain: [NIOSSLCertificate],
        _ key: NIOSSLPrivateKey,
        _ authorities: [NIOSSLCertificate],
        _ roots: [[UInt8]],
        _ files: TLSFiles,
        _ farewellTimeout: Duration
    ) throws(TLSError) -> TLSMaterial {
        var server = TLSConfiguration.makeServerConfigurationWithMTLS(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key),
            trustRoots: .certificates(authorities)
        )
        server.minimumTLSVersion = .tlsv13
        server.shutdownTimeout = TimeAmount(farewellTimeout)
        var client = TLSConfiguration.makeClientConfiguration()
        client.certificateChain = server.certificateChain
        client.privateKey = server.privateKey
        client.trustRoots = server.trustRoots
        // Peers are reached by address, and certificates name hosts: who is signed may be any peer.
        client.certificateVerification = .noHostnameVerification
        client.minimumTLSVersion = .tlsv13
        client.shutdownTimeout = server.shutdownTimeout
        do {
            return TLSMaterial(
                server: try NIOSSLContext(configuration: server),
                client: try NIOSSLContext(configuration: client),
                authorities: roots,
                expires: Date(timeIntervalSince1970: TimeInterval(chain[0].notValidAfter))
            )
        } catch {
            throw TLSError(
                .notPEM,
                "'\(files.certificate)' and '\(files.key)' cannot be used: \(error)"
            )
        }
    }

    // MARK: Files

    private static func certificates(
        in path: String,
        _ setting: String
    ) throws(TLSError) -> [NIOSSLCertificate] {
        let bytes = try read(path)
        guard let found = try? NIOSSLCertificate.fromPEMBytes(bytes), !found.isEmpty else {
            throw TLSError(
                .notPEM,
                "'\(path)' has no certificate in PEM form; \(setting) wants a file with "
                    + "'-----BEGIN CERTIFICATE-----'"
            )
        }
        return found
    }

    private static func key(in path: String) throws(TLSError) -> NIOSSLPrivateKey {
        let bytes = try read(path)
        guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
            throw TLSError(
                .notPEM,
                "'\(path)' has no private key in PEM form, or one that is encrypted; --tls-key "
                    + "wants a file with '-----BEGIN PRIVATE KEY-----'"
            )
        }
        return key
    }

    private static func der(_ certificate: NIOSSLCertificate) -> [UInt8]? {
        try? certificate.toDERBytes()
    }

    /// Longest file that is read, in bytes.
    private static let byteCountMax = 1 << 20

    private static func read(_ path: String) throws(TLSError) -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
            try file.closeAfter {
                bytes = try Array(unsafeUninitializedCapacity: byteCountMax + 1) { buffer, count in
                    let raw = UnsafeMutableRawBufferPointer(buffer)
                    while count < raw.count {
                        let more = try file.read(into: .init(rebasing: raw[count...]))
                        guard more > 0 else { return }
                        count += more
                    }
                }
            }
        } catch {
            throw TLSError(.unreadable, "'\(path)' cannot be read: \(error)")
        }
        guard bytes.count <= byteCountMax else {
            throw TLSError(.unreadable, "'\(path)' is longer than \(byteCountMax) bytes")
        }
        return bytes
    }
}
