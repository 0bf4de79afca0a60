import NIOCore
import NIOPosix
import SwarmModel
import SwarmRuntime
import Testing

@Suite("Whom TLS lets in", .timeLimit(.minutes(1)))
struct TransportTrustTests {
    private let certificates = TestCertificates.shared

    private func text(_ reason: CloseReason?) -> String {
        guard case .tlsFailed(let text) = reason else { return "\(String(describing: reason))" }
        return text
    }

    private func text(_ code: DialError.Code?) -> String {
        guard case .handshakeFailed(let reason) = code else { return "\(String(describing: code))" }
        return text(reason)
    }

    @Test("peers of another authority are refused at both ends, and each says why")
    func foreignAuthority() async throws {
        let refusals = TLSBench.Refusals()
        let (ours, theirs) = (
            try TLSBench.resources(refusals: refusals), try TLSBench.resources(certificates.foreign)
        )
        let listener = try await TLSBench.listen(ours)
        let code = await TLSBench.failure(of: listener.localEndpoint, from: theirs)
        #expect(text(code).contains("'/CN=peer' is not signed by"))
        #expect(text(code).contains("foreign-ca.pem"))
        #expect(text(await refusals.next()).contains("--tls-cert"))
        await listener.close()
        await ours.shutDown()
        await theirs.shutDown()
    }

    @Test("a client whose certificate is foreign or has expired is refused by name")
    func badClients() async throws {
        let refusals = TLSBench.Refusals()
        let resources = try TLSBench.resources(refusals: refusals)
        let listener = try await TLSBench.listen(resources)
        let foreign = certificates.files("foreign", "ca")
        for (files, words) in [
            (foreign, "'/CN=foreign' is not signed by"), (certificates.expired, "expired on 20"),
        ] {
            let client = try await TLSBench.client(files, to: listener.localEndpoint)
            #expect(text(await refusals.next()).contains(words))
            try? await client.close()
        }
        await listener.close()
        await resources.shutDown()
        #expect(resources.connectionCount == 0)
    }

    @Test("a server whose certificate has expired is refused by name")
    func expiredServer() async throws {
        let resources = try TLSBench.resources()
        let (server, endpoint) = try await TLSBench.server(certificates.expired)
        let code = await TLSBench.failure(of: endpoint, from: resources)
        #expect(text(code).contains("'/CN=peer' expired on 20"))
        try await server.close()
        await resources.shutDown()
    }

    @Test("a client without a certificate is refused")
    func noCertificate() async throws {
        let refusals = TLSBench.Refusals()
        let resources = try TLSBench.resources(refusals: refusals)
        let listener = try await TLSBench.listen(resources)
        let client = try await TLSBench.client(nil, to: listener.localEndpoint)
        #expect(text(await refusals.next()).contains("shows no certificate"))
        try? await client.close()
        await listener.close()
        await resources.shutDown()
    }

    @Test("plaintext is refused where every connection must be TLS")
    func plaintextRefused() async throws {
        let refusals = TLSBench.Refusals()
        let resources = try TLSBench.resources(acceptsPlain: false, refusals: refusals)
        let listener = try await TLSBench.listen(resources)
        let code = await TLSBench.failure(
            of: listener.localEndpoint,
            from: resources,
            over: .plain
        )
        guard case .handshakeFailed = code else {
            Issue.record("\(String(describing: code))")
            return
        }
        #expect(await refusals.next() == .plaintextRefused)
        await listener.close()
        await resources.shutDown()
    }

    @Test("TLS to a peer without certificates fails, and is not tried in the clear")
    func noFallback() async throws {
        let refusals = TLSBench.Refusals()
        let (plain, dialling) = (
            try TLSBench.resources(nil, refusals: refusals), try TLSBench.resources()
        )
        let end = End(Fixture.us)
        let listener = try await TLSBench.listen(plain, end)
        let code = await TLSBench.failure(of: listener.localEndpoint, from: dialling)
        #expect(text(code).contains("may have no certificates"))
        #expect(text(await refusals.next()).contains("no --tls-cert"))
        #expect(end.recorder.opened.isEmpty)
        await listener.close()
        await plain.shutDown()
        await dialling.shutDown()
    }

    @Test("TLS cannot be dialled without certificates")
    func noCertificates() async throws {
        let resources = try TLSBench.resources(nil)
        let listener = try await TLSBench.listen(resources)
        let code = await TLSBench.failure(of: listener.localEndpoint, from: resources)
        #expect(text(code).contains("no --tls-cert"))
        await listener.close()
        await resources.shutDown()
    }

    @Test("a plain handshake is understood however it is cut, and what is neither is closed")
    func firstByte() async throws {
        let end = End(Fixture.us)
        let resources = try TLSBench.resources()
        let listener = try await TLSBench.listen(resources, end)
        let plain = try await connect(listener.localEndpoint)
        for byte in Fixture.handshake(Fixture.them) {
            try await plain.writeAndFlush(ByteBuffer(bytes: [byte]))
        }
        await end.recorder.waitForOpened()
        #expect(!end.recorder.transport.isEncrypted)
        let other = try await connect(listener.localEndpoint)
        try await other.writeAndFlush(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        try await other.closeFuture.get()
        try await plain.close()
        await listener.close()
        await resources.shutDown()
    }

    private func connect(_ endpoint: Endpoint) async throws -> any Channel {
        try await ClientBootstrap(group: TLSBench.group).connect(to: endpoint.socketAddress()).get()
    }
}
