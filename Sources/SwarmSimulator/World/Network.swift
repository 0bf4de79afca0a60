import SwarmModel

/// Transfers over links of limited rate, shared max-min fairly: no flow can have more without
/// another that has less losing some (Bertsekas and Gallager 1992). A flow is one direction of one
/// connection while it has anything to send.
///
/// Shares are worked out at most once in ``step``. Between two workings a new flow gets what its
/// links have left over, and what an ended flow frees is left over; so no link ever carries more
/// than its rate, and what is lost by waiting is at most one step for each flow that begins.
struct Network {
    struct Flow {
        var connection: Int32
        var end: UInt8
        var linkCount: UInt8
        var links: SIMD16<Int32>
        /// Most that one connection carries.
        var most: Double
        var rate = 0.0
        /// Bytes of the block in transfer that have not left.
        var remaining: Double
        var updatedAt: Int64
        /// When the block will have left; nil while that is beyond the next step.
        var dueAt: Int64?
    }

    var flows: [Flow] = []
    var capacity: [Double]
    var residual: [Double]
    private let step: Int64
    private var lastStepAt: Int64 = -1 << 40
    private var isDirty = false
    /// When the next step is planned.
    private(set) var stepAt: Int64?

    // Working space of ``share()``, kept to spare allocations.
    var counts: [Int32]
    var starts: [Int32]
    var members: [Int32] = []
    var heap: [Level] = []

    init(capacity: [Double], step: Duration) {
        self.capacity = capacity
        residual = capacity
        self.step = step.nanoseconds
        counts = Array(repeating: 0, count: capacity.count)
        starts = Array(repeating: 0, count: capacity.count + 1)
    }

    // MARK: Flows

    /// Adds a flow; its index, which changes when others end: see ``remove(_:at:)``.
    mutating func add(_ flow: Flow, at now: Instant) -> Int32 {
        var flow = flow
        var rate = flow.most
        for index in 0..<Int(flow.linkCount) { rate = min(rate, residual[Int(flow.links[index])]) }
        flow.rate = max(0, rate)
        flow.updatedAt = now.nanoseconds
        charge(flow, flow.rate)
        flows.append(flow)
        isDirty = true
        return Int32(flows.count - 1)
    }

    /// Ends a flow. The last one takes its index; returns the connection and end of that one.
    mutating func remove(_ index: Int32) -> (connection: Int32, end: UInt8)? {
        charge(flows[Int(index)], -flows[Int(index)].rate)
        isDirty = true
        let last = flows.removeLast()
        guard Int(index) < flows.count else { return nil }
        flows[Int(index)] = last
        return (last.connection, last.end)
    }

    private mutating func charge(_ flow: Flow, _ rate: Double) {
        for index in 0..<Int(flow.linkCount) { residual[Int(flow.links[index])] -= rate }
    }

    /// The next block of a flow begins.
    mutating func begin(_ bytes: Double, _ index: Int32, at now: Instant) {
        flows[Int(index)].remaining = bytes
        flows[Int(index)].updatedAt = now.nanoseconds
        flows[Int(index)].dueAt = nil
    }

    /// When the flow's block will have left if its rate stays; nil while it has none.
    func finish(_ index: Int) -> Int64? {
        let flow = flows[index]
        guard flow.rate > 0 else { return nil }
        let wait = max(0, flow.remaining) / flow.rate * 1e9
        guard wait < 1e15 else { return nil }
        return flow.updatedAt + Int64(wait.rounded(.up))
    }

    /// The same, noted in the flow, unless a step comes before: that looks again.
    mutating func due(_ index: Int32) -> Instant? {
        guard let at = finish(Int(index)) else { return nil }
        if let stepAt, at > stepAt { return nil }
        flows[Int(index)].dueAt = at
        return Instant(nanoseconds: at)
    }

    mutating func setCapacity(_ link: Int32, _ rate: Double) {
        guard link >= 0 else { return }
        residual[Int(link)] += rate - capacity[Int(link)]
        capacity[Int(link)] = rate
        isDirty = true
    }

    // MARK: Steps

    /// The time of the step to plan because flows came or went, unless one is planned by then.
    mutating func nextStep(at now: Instant) -> Instant? {
        guard isDirty, !flows.isEmpty else { return nil }
        let soonest = max(now.nanoseconds, lastStepAt + step)
        if let stepAt, stepAt <= soonest { return nil }
        stepAt = soonest
        return Instant(nanoseconds: soonest)
    }

    /// What finishes until then is planned by a step; what finishes later, by later steps.
    var horizon: Int64 { lastStepAt + step }

    /// Plans a step for what no step has planned yet.
    mutating func planStep(at time: Int64) -> Instant? {
        if let stepAt, stepAt <= time { return nil }
        stepAt = time
        return Instant(nanoseconds: time)
    }

    /// A step: brings every flow up to date and, when flows came or went, shares anew. Returns
    /// false when the step was planned and then put earlier.
    mutating func perform(at now: Instant) -> Bool {
        guard stepAt == now.nanoseconds else { return false }
        stepAt = nil
        lastStepAt = now.nanoseconds
        let time = now.nanoseconds
        flows.withUnsafeMutableBufferPointer { flows in
            for index in flows.indices {
                let elapsed = Double(time - flows[index].updatedAt) * 1e-9
                flows[index].remaining -= flows[index].rate * elapsed
                flows[index].updatedAt = time
                flows[index].dueAt = nil
            }
        }
        if isDirty {
            isDirty = false
            share()
        }
        return true
    }
}
