import Foundation
import SwarmModel

// What hosts and operators send to the tracker as JSON: a report without a flaw can be summed up, a
// plan without one can be carried out.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Data(bytes: data, count: count)
    let decoder = JSONDecoder()
    if let report = try? decoder.decode(HostReport.self, from: input), report.flaw == nil {
        var sum = 0
        for model in report.models {
            for version in model.versions { sum += version.bytesHeld + version.piecesHeld }
        }
        precondition(sum >= 0)
        guard let again = try? JSONEncoder().encode(report) else {
            preconditionFailure("no encoding")
        }
        precondition((try? decoder.decode(HostReport.self, from: again)) == report)
    }
    if let plan = try? decoder.decode(RolloutPlan.self, from: input), plan.flaw == nil {
        guard let again = try? JSONEncoder().encode(plan) else {
            preconditionFailure("no encoding")
        }
        precondition((try? decoder.decode(RolloutPlan.self, from: again)) == plan)
    }
    _ = try? decoder.decode(ChannelRequest.self, from: input)
    _ = try? decoder.decode(RolloutRequest.self, from: input)
    _ = try? decoder.decode(RolloutCommand.self, from: input)
    return 0
}
