/// Max-min fair shares by progressive filling: the link whose flows could each have least decides
/// their rate; with those settled, the next such link does, and so on.
extension Network {
    /// What each unsettled flow of a link could have.
    struct Level {
        var share: Double
        var link: Int32

        func precedes(_ other: Level) -> Bool {
            share != other.share ? share < other.share : link < other.link
        }
    }

    mutating func share() {
        gather()
        let limits = connectionLimits()
        var nextLimit = 0
        while let lowest = heap.first {
            let link = Int(lowest.link)
            guard counts[link] > 0 else {
                removeLowest()
                continue
            }
            // Shares only grow while others settle, so an old one is put back and met again.
            let share = max(0, residual[link]) / Double(counts[link])
            if share > lowest.share {
                heap[0].share = share
                sink()
                continue
            }
            if nextLimit < limits.count, limits[nextLimit] <= share {
                settleLimited(limits[nextLimit])
                nextLimit += 1
                continue
            }
            removeLowest()
            for place in Int(starts[link])..<Int(starts[link + 1]) {
                let flow = Int(members[place])
                if flows[flow].rate < 0 { settle(flow, share) }
            }
        }
        for flow in flows.indices where flows[flow].rate < 0 {
            flows[flow].rate = min(flows[flow].most, 1e15)
        }
    }

    /// Which flows go over each link, as runs of one array.
    private mutating func gather() {
        residual = capacity
        for link in counts.indices { counts[link] = 0 }
        for index in flows.indices {
            flows[index].rate = -1
            for place in 0..<Int(flows[index].linkCount) {
                counts[Int(flows[index].links[place])] += 1
            }
        }
        starts[0] = 0
        for link in counts.indices { starts[link + 1] = starts[link] + counts[link] }
        let total = Int(starts[counts.count])
        if members.count < total {
            members += Array(repeating: 0, count: total - members.count)
        }
        for link in counts.indices { counts[link] = 0 }
        for index in flows.indices {
            for place in 0..<Int(flows[index].linkCount) {
                let link = Int(flows[index].links[place])
                members[Int(starts[link] + counts[link])] = Int32(index)
                counts[link] += 1
            }
        }
        heap.removeAll(keepingCapacity: true)
        for link in counts.indices where counts[link] > 0 {
            let share = capacity[link] / Double(counts[link])
            heap.append(Level(share: share, link: Int32(link)))
        }
        for index in stride(from: heap.count / 4, through: 0, by: -1) where !heap.isEmpty {
            sink(from: index)
        }
    }

    private func connectionLimits() -> [Double] {
        var limits: [Double] = []
        for flow in flows where flow.most.isFinite && !limits.contains(flow.most) {
            limits.append(flow.most)
        }
        return limits.sorted()
    }

    private mutating func settleLimited(_ limit: Double) {
        for flow in flows.indices where flows[flow].most == limit && flows[flow].rate < 0 {
            settle(flow, limit)
        }
    }

    private mutating func settle(_ flow: Int, _ rate: Double) {
        flows[flow].rate = rate
        for place in 0..<Int(flows[flow].linkCount) {
            let link = Int(flows[flow].links[place])
            residual[link] -= rate
            counts[link] -= 1
        }
    }

    // MARK: The heap

    private mutating func removeLowest() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        sink()
    }

    private mutating func sink(from start: Int = 0) {
        var parent = start
        let moving = heap[parent]
        while true {
            let first = parent * 4 + 1
            guard first < heap.count else { break }
            var least = first
            for child in first..<min(first + 4, heap.count)
            where heap[child].precedes(heap[least]) {
                least = child
            }
            guard heap[least].precedes(moving) else { break }
            heap[parent] = heap[least]
            parent = least
        }
        heap[parent] = moving
    }
}
