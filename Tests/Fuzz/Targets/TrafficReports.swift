import Foundation
import SwarmModel

// A report of traffic, as the tracker's API reads it: what has no flaw can be summed up.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Data(bytes: data, count: count)
    guard let report = try? JSONDecoder().decode(TrafficReport.self, from: input),
        report.flaw == nil
    else { return 0 }
    let received = report.receivedLedger
    precondition(received.entries.count <= TrafficReport.entriesMax)
    precondition(received.duplicateBytes <= received.totalBytes)
    _ = received.domains(of: [report.locality], modelBytes: report.modelBytes ?? 0)
    _ = received.bill(at: .defaults, sources: [report.locality])
    guard let again = try? JSONEncoder().encode(report) else { preconditionFailure("no encoding") }
    precondition((try? JSONDecoder().decode(TrafficReport.self, from: again)) == report)
    return 0
}
