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

    private var originalByteCount: Int {
        let files = FileManager.default
        let names = (try? files.subpathsOfDirectory(atPath: original)) ?? []
        return names.reduce(0) { sum, name in
            let size = try? files.attributesOfItem(atPath: "\(original)/\(name)")[.size] as? Int
            return sum + (size ?? 0)
        }
    }
}
