import Foundation
import SwarmModel

/// Runs scenarios: makes the model and the network, lets the processes live, compares what arrived
/// with the original, and removes everything.
package struct Laboratory: Sendable {
    package let settings: LabSettings
    /// Without namespaces: every host on a loopback address, nothing shaped and nothing counted.
    package let onLoopback: Bool

    package init(settings: LabSettings, onLoopback: Bool) {
        self.settings = settings
        self.onLoopback = onLoopback
    }

    /// Plays a scenario, with the files of a directory instead of a generated model when one is
    /// given.
    package func run(_ scenario: Scenario, model: String? = nil) async throws -> TestnetReport {
        let id = Network.newID()
        let versionCount = scenario.publication == nil ? 1 : 2
        let copies = (scenario.receivers.count + 1) * versionCount
        let size = try model.map { try Self.byteCount(of: $0) } ?? scenario.model.byteCount
        let directory = try settings.makeWorkDirectory(id: id, byteCount: copies * size)
        var network = Network(scenario.topology, workDirectory: directory, id: id)
        do {
            settings.onProgress("\(scenario.name): \(scenario.about)")
            settings.onProgress("making the model and the network in \(directory)")
            if let model {
                try FileManager.default.copyItem(atPath: model, toPath: "\(directory)/model")
            } else {
                try GeneratedModel.write(scenario.model, to: "\(directory)/model")
            }
            if let publication = scenario.publication {
                var plan = scenario.model
                plan.seed = publication.seed
                let path = "\(directory)/model-\(publication.version)"
                try GeneratedModel.write(plan, to: path)
            }
            if !onLoopback { try await network.create(owned: true) }
            try await mountDisks(scenario, &network, directory)
            let report = try await run(scenario, onLoopback ? nil : network, directory)
            cleanUp(network, directory)
            return report
        } catch {
            cleanUp(network, directory)
            throw error
        }
    }

    private func run(
        _ scenario: Scenario,
        _ network: Network?,
        _ directory: String
    ) async throws -> TestnetReport {
        var run = LabRun(
            scenario: scenario,
            settings: settings,
            network: network,
            directory: directory
        )
        let measured = try await run.run()
        settings.onProgress("comparing every file of every host with the original")
        let differences = try await run.differences()
        return run.report(measured, differences)
    }

    private static func byteCount(of directory: String) throws -> Int {
        try FileManager.default.subpathsOfDirectory(atPath: directory).reduce(0) { sum, name in
            let path = "\(directory)/\(name)"
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
            return sum + (size ?? 0)
        }
    }

    private func mountDisks(
        _ scenario: Scenario,
        _ network: inout Network,
        _ directory: String
    ) async throws {
        for (host, size) in scenario.disks.sorted(by: { $0.key < $1.key }) {
            guard !onLoopback else {
                throw TestnetError("small disks need root or user namespaces")
            }
            let path = "\(directory)/h\(host)/data"
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true
            )
            try network.addMount(path)
            let options = "size=\(size),mode=0700"
            try await Shell.run("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path])
        }
    }

    private func cleanUp(_ network: Network, _ directory: String) {
        if settings.keeps {
            settings.onProgress("left data and logs in \(directory)")
            return
        }
        network.remove()
        try? FileManager.default.removeItem(atPath: directory)
    }
}
