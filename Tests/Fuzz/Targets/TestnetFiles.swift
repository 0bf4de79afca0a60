import SwarmModel

// Topologies and scenarios of the laboratory: whatever a file holds, it is read or refused.
// sources: Sources/SwarmTestnet/Files/FileFlaw.swift Sources/SwarmTestnet/Files/FileObject.swift
// sources: Sources/SwarmTestnet/Files/JSONNode.swift Sources/SwarmTestnet/Files/JSONScanner.swift
// sources: Sources/SwarmTestnet/Network/Topology.swift
// sources: Sources/SwarmTestnet/Network/Topology+Parsing.swift
// sources: Sources/SwarmTestnet/Scenario/Scenario.swift
// sources: Sources/SwarmTestnet/Scenario/Scenario+Parsing.swift
// sources: Sources/SwarmTestnet/Scenario/StepReader.swift
// sources: Sources/SwarmTestnet/Scenario/StepReader+Rollouts.swift
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    if let topology = try? Topology.parse(input, name: "fuzz", file: "fuzz.json") {
        precondition(topology.hosts.allSatisfy { topology.domains.indices.contains($0.domain) })
        let names = topology.hosts.map(\.name).sorted()
        precondition(zip(names, names.dropFirst()).allSatisfy { $0 != $1 }, "two hosts of one name")
        for index in topology.domains.indices {
            precondition((topology.domains[index].parent ?? -1) < index, "a cycle of domains")
        }
    }
    let scenario = try? Scenario.parse(input, name: "fuzz", file: "fuzz.json") { _ in
        try Topology.parse(Array(small.utf8), name: "small", file: "small.json")
    }
    if let scenario {
        precondition(!scenario.receivers.isEmpty)
        precondition(scenario.late.allSatisfy { scenario.receivers.contains($0) })
    }
    return 0
}

private let small = """
    {"about": "two racks", "domains": [{"path": "a/r/one", "hosts": 2}, {"path": "b/r/one",
    "hosts": 2}], "hosts": [{"name": "seed", "in": "a/r/one"}, {"name": "tracker", "in":
    "a/r/one"}]}
    """
