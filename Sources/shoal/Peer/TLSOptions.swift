import ArgumentParser
import SwarmModel
import SwarmPeer
import SwarmRuntime

/// TLS between peers: our certificate, whom we trust, and where TLS is demanded.
struct TLSOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "This peer's certificate, in PEM, with those between it and the authority.",
            discussion: """
                With --tls-cert, --tls-key and --tls-ca a peer takes TLS as well as plaintext on \
                its port. Changed files are used for new connections within a second or so.
                """,
            valueName: "file"
        )
    )
    var tlsCert: String?

    @Option(help: ArgumentHelp("The certificate's private key, in PEM.", valueName: "file"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "The certificates of the authorities that sign those of peers, in PEM.",
            valueName: "file"
        )
    )
    var tlsCa: String?

    @Option(
        help: ArgumentHelp(
            "Where connections must be TLS, such as otherCloud=tls,cloud=tls.",
            discussion: """
                By how near the other host is: rack, region, cloud, otherCloud; a level is as its \
                next nearer one unless it is named, and the nearest is plain. A host of unknown \
                place counts as otherCloud.
                """,
            valueName: "level=tls,..."
        )
    )
    var tlsPolicy: String?
}

/// The settings of TLS by name, wherever they are given.
enum TLSSetting {
    static let certificate = Setting<String>.text("tls-cert")
    static let key = Setting<String>.text("tls-key")
    static let authority = Setting<String>.text("tls-ca")
    static let policy = Setting<TransportPolicy>.one(
        "tls-policy",
        expected: "LEVEL=plain or LEVEL=tls with commas between, of rack, region, cloud and "
            + "otherCloud, none plain beyond one that is tls"
    ) { try? TransportPolicy($0) }
}

extension TLSOptions {
    /// Puts what all sources say into the settings.
    func apply(
        _ resolver: inout SettingsResolver,
        to settings: inout PeerSettings
    ) throws(CommandFailure) {
        let certificate = try resolver.value(of: TLSSetting.certificate, flag: tlsCert)
        let key = try resolver.value(of: TLSSetting.key, flag: tlsKey)
        let authority = try resolver.value(of: TLSSetting.authority, flag: tlsCa)
        let policy = try resolver.value(of: TLSSetting.policy, flag: policyFlag(), default: .plain)
        settings.tls = try Self.files(certificate, key, authority)
        guard settings.tls != nil || !policy.demandsTLS else {
            throw CommandFailure(
                .failure,
                "the policy \(policy) demands TLS, and this peer has no certificates",
                remedy: "--tls-cert, --tls-key and --tls-ca, or --tls-policy otherCloud=plain"
            )
        }
        settings.transportPolicy = policy
    }

    private func policyFlag() throws(CommandFailure) -> TransportPolicy? {
        guard let tlsPolicy else { return nil }
        do {
            return try TransportPolicy(tlsPolicy)
        } catch {
            throw CommandFailure(
                .usage,
                "--tls-policy: \(error)",
                remedy: "--tls-policy otherCloud=tls,cloud=tls"
            )
        }
    }

    private static func files(
        _ certificate: String?,
        _ key: String?,
        _ authority: String?
    ) throws(CommandFailure) -> TLSFiles? {
        let given = [("tls-cert", certificate), ("tls-key", key), ("tls-ca", authority)]
        let missing = given.filter { $0.1 == nil }.map(\.0)
        guard let certificate, let key, let authority else {
            guard missing.count < given.count else { return nil }
            throw CommandFailure(
                .failure,
                "TLS needs three files, and \(missing.joined(separator: " and ")) is not set",
                remedy: missing.map { "--\($0) FILE" }.joined(separator: " ")
            )
        }
        return TLSFiles(certificate: certificate, key: key, authority: authority)
    }
}
