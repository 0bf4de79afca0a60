import Foundation
import SwarmRuntime
import Testing

/// Certificates made by the `openssl` command, once for the process: an authority, a peer of it,
/// one whose certificate has expired, and a foreign authority with a peer of its own.
struct TestCertificates: Sendable {
    let directory: String

    static let shared = TestCertificates()

    var peer: TLSFiles { files("peer", "ca") }
    var expired: TLSFiles { files("expired", "ca", key: "peer") }
    var foreign: TLSFiles { files("foreign", "foreign-ca") }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func files(_ name: String, _ authority: String, key: String? = nil) -> TLSFiles {
        TLSFiles(
            certificate: path("\(name).pem"),
            key: path("\(key ?? name).key"),
            authority: path("\(authority).pem")
        )
    }

    private init() {
        directory = NSTemporaryDirectory() + "shoal-certificates-\(UUID().uuidString)"
        do {
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: true
            )
            for authority in ["ca", "foreign-ca"] { try make(authority: authority) }
            for (name, authority) in [("peer", "ca"), ("foreign", "foreign-ca")] {
                try makeRequest(name)
                try sign(name, by: authority, as: name, days: 30)
            }
            try sign("peer", by: "ca", as: "expired", days: -1)
        } catch {
            preconditionFailure("no certificates to test with: \(error)")
        }
    }

    func makeRequest(_ name: String) throws {
        try openssl(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            path("\(name).key"),
            "-out",
            path("\(name).csr"),
            "-subj",
            "/CN=\(name)"
        )
    }

    func sign(_ request: String, by authority: String, as name: String, days: Int) throws {
        try openssl(
            "x509",
            "-req",
            "-in",
            path("\(request).csr"),
            "-CA",
            path("\(authority).pem"),
            "-CAkey",
            path("\(authority).key"),
            "-CAcreateserial",
            "-days",
            "\(days)",
            "-out",
            path("\(name).pem")
        )
    }

    private func make(authority: String) throws {
        try openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            path("\(authority).key"),
            "-out",
            path("\(authority).pem"),
            "-days",
            "30",
            "-subj",
            "/CN=\(authority)"
        )
    }

    private struct Failed: Error { let arguments: [String] }

    private func openssl(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(arguments: arguments) }
    }
}
