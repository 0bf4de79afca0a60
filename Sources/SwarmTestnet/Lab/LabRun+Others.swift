import Foundation
import SwarmModel

/// Programs that are not ours, to mix with or to compare with.
extension LabRun {
    static let serverPort = 8080

    /// libtorrent with stock peer selection; it writes where it stands into a file.
    func libtorrent(_ host: Int, serves: Bool = false) -> ProcessPlan {
        var command = [
            settings.python, "\(settings.testnetDirectory)/lab/libtorrent_peer.py",
            "--tracker", trackerURL, "--reference", Self.reference,
            "--listen", "\(address(host)):\(Self.peerPort)",
            "--directory", "\(folder(host))/data",
            "--status", "\(folder(host))/status.json",
        ]
        command += serves ? ["--seed", original] : ["--start", "\(folder(host))/go"]
        return plan(host, "libtorrent", command)
    }

    /// Every file by curl from the first server, without any verification.
    func curl(_ host: Int) -> ProcessPlan {
        let server = scenario.servers.first.map { serverURL($0) } ?? ""
        let files = (try? FileManager.default.subpathsOfDirectory(atPath: original)) ?? []
        let command = [
            settings.python, "\(settings.testnetDirectory)/lab/http_peer.py",
            "--server", server, "--name", Self.modelName,
            "--directory", "\(folder(host))/data/model", "--bytes", "\(originalByteCount)",
            "--status", "\(folder(host))/status.json", "--start", "\(folder(host))/go",
        ]
        return plan(host, "curl", command + files.sorted())
    }

    /// Where the model's files are at a server.
    func serverURL(_ host: Int) -> String {
        "http://\(address(host)):\(Self.serverPort)/model"
    }

    /// What peers may read from, when there is anything.
    var originOptions: [String] {
        scenario.origins.isEmpty ? [] : ["--origin-config", "\(directory)/origins.json"]
    }

    func writeOriginConfiguration() throws {
        guard !scenario.origins.isEmpty else { return }
        let origins = scenario.origins.enumerated().map { number, host in
            [
                "id": "origin\(number)", "kind": "http",
                "url": "http://\(address(host)):\(Self.serverPort)/",
                "locality": topology.locality(ofHost: host).description,
            ]
        }
        let data = try JSONEncoder().encode(["origins": origins])
        try data.write(to: URL(fileURLWithPath: "\(directory)/origins.json"))
    }

    private var originalByteCount: Int {
        let files = FileManager.default
        let names = (try? files.subpathsOfDirectory(atPath: original)) ?? []
        return names.reduce(0) { sum, name in
            let size = try? files.attributesOfItem(atPath: "\(original)/\(name)")[.size] as? Int
            return sum + (size ?? 0)
        }
    }

    /// nginx that serves the directory of the model.
    func server(_ host: Int) throws -> ProcessPlan {
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
