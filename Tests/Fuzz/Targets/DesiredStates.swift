import Foundation
import SwarmModel

// What hosts and trackers tell each other of a fleet: a wish and a report. What is read can be
// written, and is the same when it is read again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Data(bytes: data, count: count)
    if let state = try? JSONDecoder().decode(DesiredState.self, from: input) {
        precondition(again(state) == state)
        for model in state.models {
            for version in model.hold {
                _ = try? ModelReference(name: model.name, version: version.version)
            }
        }
    }
    if let report = try? JSONDecoder().decode(HostReport.self, from: input) {
        precondition(again(report) == report)
        precondition(report.labels.pairs.count <= Labels.countMax)
    }
    return 0
}

private func again<T: Codable>(_ value: T) -> T? {
    (try? JSONEncoder().encode(value)).flatMap { try? JSONDecoder().decode(T.self, from: $0) }
}
