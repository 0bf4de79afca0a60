import SwarmModel

// Selectors of hosts, labels, names of hosts, and the parts of plans that are texts: what can be
// read reads itself again as the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let text = String(decoding: fuzzInput(data, count), as: UTF8.self)
    if let selector = try? LabelSelector(text) {
        precondition((try? LabelSelector(selector.description)) == selector, text)
        if let host = try? HostName("h") {
            _ = selector.matches(.none, host: host, at: .unknown)
        }
    }
    let lines = text.split(separator: "\n").map { String($0) }
    if let labels = try? Labels(parsing: lines) {
        precondition((try? Labels(parsing: labels.pairs.map { "\($0.key)=\($0.value)" })) == labels)
    }
    if let host = try? HostName(text) { precondition(host.description == text, text) }
    if let scope = try? RolloutPlan.Scope(text) {
        precondition((try? RolloutPlan.Scope(scope.description)) == scope, text)
    }
    if let amount = RolloutPlan.Amount(text) {
        precondition(RolloutPlan.Amount(amount.description) == amount, text)
        precondition(amount.of(16_384) >= 0, text)
    }
    return 0
}
