import SwarmModel

// A plan is read, or refused with the line that is wrong.
// sources: Sources/SwarmSimulator/Plan/JSONText.swift
// sources: Sources/SwarmSimulator/Plan/Draw.swift
// sources: Sources/SwarmSimulator/Plan/PlanSection.swift
// sources: Sources/SwarmSimulator/Plan/Plan.swift
// sources: Sources/SwarmSimulator/Plan/Plan+Reading.swift
// sources: Sources/SwarmSimulator/Plan/Plan+Rollout.swift
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    do throws(PlanError) {
        _ = try Plan(name: "fuzz", fuzzInput(data, count))
    } catch {
        precondition(error.line >= 1 && !error.description.isEmpty)
    }
    return 0
}
