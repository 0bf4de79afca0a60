import Foundation
import SwarmModel

/// Servers that have the model, honest and otherwise, and what peers are told of them.
extension LabRun {
    /// One origin as peers know it: a member of the file of `--origin-config`.
    private struct Origin: Encodable {
        struct Credentials: Encodable { var file: String }
        var id: String
        var kind: String
        var url: String?
        var bucket: String?
        var endpoint: String?
        var credentials: Credentials?
        var locality: String
    }

    /// The bucket of lab/s3_server.py.
    private static let bucketName = "models"

    /// Those that lie come first, so that they are asked first among equally near ones.
    private var knownOrigins: [Origin] {
        let liars = scenario.liars.flatMap { liar in
            liar.lies.enumerated().map { number, lie in
                web("liar-\(lie)", liar.host, port: Self.serverPort + number)
            }
        }
        let honest = scenario.origins.enumerated().map { number, host in
            web("origin\(number)", host, port: Self.serverPort)
        }
        let buckets = scenario.buckets.enumerated().map { number, host in
            Origin(
                id: "bucket\(number)",
                kind: "s3",
                bucket: Self.bucketName,
                endpoint: "http://\(address(host)):\(Self.serverPort)",
                credentials: .init(file: secrets(host)),
                locality: topology.locality(ofHost: host).description
            )
        }
        return liars + honest + buckets
    }

    private func web(_ id: String, _ host: Int, port: Int) -> Origin {
        Origin(
            id: id,
            kind: "http",
            url: "http://\(address(host)):\(port)/",
            locality: topology.locality(ofHost: host).description
        )
    }

    private func secrets(_ host: Int) -> String { "\(folder(host))/secrets.json" }

    /// What peers may read from, when there is anything.
    var originOptions: [String] {
        knownOrigins.isEmpty ? [] : ["--origin-config", "\(directory)/origins.json"]
    }

    /// Where the model is said to be when it is published.
    var originLocations: [String] { knownOrigins.flatMap { ["--origin", "\($0.id):model"] } }

    func writeOriginConfiguration() throws {
        let origins = knownOrigins
        guard !origins.isEmpty else { return }
        let data = try JSONEncoder().encode(["origins": origins])
        try data.write(to: URL(fileURLWithPath: "\(directory)/origins.json"))
    }

    // MARK: Servers

    /// What a host of ``Scenario/webHosts`` runs, and what shows that it serves.
    func webServer(_ host: Int) throws -> ProcessPlan {
        if scenario.buckets.contains(host) { return bucket(host) }
        if let liar = scenario.liars.first(where: { $0.host == host }) { return lying(liar) }
        return try nginx(host)
    }

    private func bucket(_ host: Int) -> ProcessPlan {
        let command = [
            settings.python, "\(settings.testnetDirectory)/lab/s3_server.py",
            "--address", address(host), "--port", "\(Self.serverPort)",
            "--directory", original, "--secrets", secrets(host),
        ]
        return plan(host, "bucket", command)
    }

    private func lying(_ liar: Scenario.Liar) -> ProcessPlan {
        let host = liar.host
        let command = [
            settings.python, "\(settings.testnetDirectory)/lab/lying_server.py",
            "--address", address(host), "--port", "\(Self.serverPort)",
            "--directory", directory, "--asked", asked(host),
        ]
        // The lies are those of the tests.
        let library = "\(settings.testnetDirectory)/../Tests/lib"
        return plan(
            host,
            "liar",
            command + liar.lies,
            environment: ["PYTHONPATH": library]
        )
    }

    private func asked(_ host: Int) -> String { "\(folder(host))/asked.json" }

    /// How often each origin that lies was asked for bytes.
    func requestsToLiars() -> [String: Int] {
        var counts: [String: Int] = [:]
        for liar in scenario.liars {
            let data = FileManager.default.contents(atPath: asked(liar.host)) ?? Data()
            let heard = (try? JSONDecoder().decode([String: Int].self, from: data)) ?? [:]
            for lie in liar.lies { counts[lie, default: 0] += heard[lie] ?? 0 }
        }
        return counts
    }

    /// Serves the directory of the model.
    private func nginx(_ host: Int) throws -> ProcessPlan {
        let folder = folder(host)
        let scratch = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(folder)/\($0);" }.joined(separator: " ")
        let configuration = """
            daemon off; worker_processes 1; pid \(folder)/nginx.pid; user root;
            error_log \(folder)/log;
            events { worker_connections 1024; }
            http {
                access_log off; sendfile on; \(scratch)
                server { listen \(address(host)):\(Self.serverPort); root \(directory); }
            }
            """
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: "\(folder)/nginx.conf"))
        return plan(host, "nginx", ["nginx", "-c", "\(folder)/nginx.conf", "-p", folder])
    }
}
