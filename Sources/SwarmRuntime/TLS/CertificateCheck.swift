import COpenSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Says why a certificate is refused. TLS itself checks certificates while it shakes hands, but
/// says only that one failed; this check, by libcrypto, gives the reason.
enum CertificateCheck {
    /// What a certificate is used for; each peer's must be good for both.
    enum Use: CaseIterable {
        case server, client

        fileprivate var purpose: CInt {
            self == .server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT
        }
    }

    /// Why the chain, its own certificate first, is refused; nil when it is good. Certificates are
    /// in DER. `authorities` is how to call the authorities in the text.
    static func flaw(
        of chain: [[UInt8]],
        trusting roots: [[UInt8]],
        named authorities: String,
        for use: Use
    ) -> String? {
        let certificates = chain.compactMap { parse($0) }
        let trusted = roots.compactMap { parse($0) }
        defer { for certificate in certificates + trusted { X509_free(certificate) } }
        guard let leaf = certificates.first, certificates.count == chain.count,
            let store = X509_STORE_new(), let context = X509_STORE_CTX_new(),
            let others = OPENSSL_sk_new_null()
        else { return "a certificate cannot be read" }
        defer {
            X509_STORE_CTX_free(context)
            X509_STORE_free(store)
            OPENSSL_sk_free(others)
        }
        for root in trusted { X509_STORE_add_cert(store, root) }
        for other in certificates.dropFirst() { OPENSSL_sk_push(others, UnsafeRawPointer(other)) }
        guard X509_STORE_CTX_init(context, store, leaf, others) == 1,
            X509_STORE_CTX_set_purpose(context, use.purpose) == 1
        else { return "a certificate cannot be checked" }
        guard X509_verify_cert(context) != 1 else { return nil }
        return reason(context, leaf, authorities)
    }

    /// Whether the private key, in DER, is the one of the certificate.
    static func fits(key: [UInt8], certificate: [UInt8]) -> Bool {
        guard let certificate = parse(certificate) else { return false }
        defer { X509_free(certificate) }
        return key.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            guard let key = d2i_AutoPrivateKey(nil, &start, bytes.count) else { return false }
            defer { EVP_PKEY_free(key) }
            return X509_check_private_key(certificate, key) == 1
        }
    }

    private static func parse(_ der: [UInt8]) -> OpaquePointer? {
        der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_X509(nil, &start, bytes.count)
        }
    }

    // MARK: Words

    private static func reason(
        _ context: OpaquePointer,
        _ leaf: OpaquePointer,
        _ authorities: String
    ) -> String {
        let certificate = X509_STORE_CTX_get_current_cert(context) ?? leaf
        let code = X509_STORE_CTX_get_error(context)
        let name = "the certificate '\(subject(of: certificate))'"
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return "\(name) expired on \(text(X509_get0_notAfter(certificate)))"
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return "\(name) is not valid before \(text(X509_get0_notBefore(certificate)))"
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            return "\(name) is not signed by \(authorities)"
        case X509_V_ERR_INVALID_PURPOSE:
            return "\(name) is not meant for both ends of TLS (extendedKeyUsage must have "
                + "serverAuth and clientAuth, or be absent)"
        default:
            let words = X509_verify_cert_error_string(Int(code)).map { String(cString: $0) }
            return "\(name) is refused: \(words ?? "error \(code)")"
        }
    }

    private static func subject(of certificate: OpaquePointer) -> String {
        var text = [CChar](repeating: 0, count: 256)
        guard let name = X509_get_subject_name(certificate),
            X509_NAME_oneline(name, &text, CInt(text.count)) != nil
        else { return "?" }
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// As `2026-11-25 22:19:56 UTC`.
    private static func text(_ time: UnsafePointer<ASN1_TIME>?) -> String {
        var parts = tm()
        guard ASN1_TIME_to_tm(time, &parts) == 1 else { return "an unreadable date" }
        func two(_ number: CInt) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let day = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        return "\(day) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) UTC"
    }
}
