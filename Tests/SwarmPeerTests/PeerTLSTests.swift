import Foundation
import NIOCore
import SwarmRuntime
import Synchronization
import Testing

@testable import SwarmRuntime

@Suite("PeerTLS")
struct PeerTLSTests {
    private let certificates = TestCertificates.shared

    private func failure(_ files: TLSFiles) -> TLSError? {
        do throws(TLSError) {
            _ = try PeerTLS(files)
            return nil
        } catch {
            return error
        }
    }

    private func files(
        certificate: String = "peer.pem",
        key: String = "peer.key",
        authority: String = "ca.pem"
    ) -> TLSFiles {
        TLSFiles(
            certificate: certificates.path(certificate),
            key: certificates.path(key),
            authority: certificates.path(authority)
        )
    }

    @Test("good files are taken, and say until when")
    func good() throws {
        let tls = try PeerTLS(certificates.peer)
        let days = tls.expires.timeIntervalSinceNow / 86_400
        #expect(days > 29 && days < 31)
    }

    @Test("each flaw of the files is named with the file")
    func flaws() {
        let cases: [(TLSFiles, TLSError.Code, [String])] = [
            (files(certificate: "none.pem"), .unreadable, ["none.pem"]),
            (files(key: "none.key"), .unreadable, ["none.key"]),
            (files(authority: "none.pem"), .unreadable, ["none.pem"]),
            (files(certificate: "peer.key"), .notPEM, ["peer.key", "--tls-cert"]),
            (files(key: "peer.pem"), .notPEM, ["peer.pem", "--tls-key"]),
            (files(authority: "ca.key"), .notPEM, ["ca.key", "--tls-ca"]),
            (files(key: "foreign.key"), .keyMismatch, ["foreign.key", "peer.pem"]),
            (certificates.expired, .untrusted, ["expired.pem", "expired on 20"]),
            (files(authority: "foreign-ca.pem"), .untrusted, ["peer.pem", "not signed by"]),
        ]
        for (files, code, words) in cases {
            let error = failure(files)
            #expect(error?.code == code, "\(files)")
            for word in words { #expect(error?.message.contains(word) == true, "\(error as Any)") }
        }
    }

    @Test("changed files are used a second later, and files that are no good are not")
    func reload() throws {
        let own = certificates.path("changing")
        try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
        func put(_ source: String, as name: String) throws {
            let data = try Data(contentsOf: URL(fileURLWithPath: certificates.path(source)))
            try data.write(to: URL(fileURLWithPath: "\(own)/\(name)"), options: .atomic)
        }
        for (source, name) in [("peer.pem", "c"), ("peer.key", "k"), ("ca.pem", "a")] {
            try put(source, as: name)
        }
        let reports = Mutex<[PeerTLS.Reload]>([])
        let files = TLSFiles(certificate: "\(own)/c", key: "\(own)/k", authority: "\(own)/a")
        let tls = try PeerTLS(files) { reload in reports.withLock { $0.append(reload) } }
        var now = NIODeadline.now()
        func look() -> Date {
            now = now + .seconds(2)
            return tls.material(at: now).expires
        }
        let first = look()
        #expect(reports.withLock { $0.isEmpty })

        try certificates.sign("peer", by: "ca", as: "longer", days: 60)
        try put("foreign.pem", as: "c")
        #expect(look() == first)
        guard case .refused(let error) = reports.withLock({ $0.last }) else {
            Issue.record("nothing was refused")
            return
        }
        #expect(error.code == .keyMismatch)
        #expect(look() == first)
        #expect(reports.withLock { $0.count } == 1)

        try put("longer.pem", as: "c")
        #expect(tls.material(at: now).expires == first)
        #expect(look() > first)
        #expect(tls.expires > first)
        #expect(reports.withLock { $0.count } == 2)
    }
}
