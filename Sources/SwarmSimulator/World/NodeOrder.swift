/// What arrives in a step by the nodes that it is for, that of the even nodes first; what is for
/// one node in the order in which it was sent. So a machine is fetched from memory once for all
/// that reaches it in a step: four thousand of them are far more than caches hold.
struct NodeOrder {
    /// Indices of deliveries.
    private(set) var order: [Int32] = []
    /// Where those of the odd nodes begin.
    private var middle = 0
    /// Working space: for each node, where its next one goes.
    private var places: [Int32] = []

    mutating func sort(_ deliveries: [Delivery], nodeCount: Int) {
        let half = (nodeCount + 1) / 2
        places.removeAll(keepingCapacity: true)
        places.append(contentsOf: repeatElement(0, count: half * 2))
        // By index: a copy of a delivery would count the references in it.
        for index in deliveries.indices { places[Self.rank(deliveries[index].node, half)] += 1 }
        var sum: Int32 = 0
        for rank in places.indices {
            if rank == half { middle = Int(sum) }
            let count = places[rank]
            places[rank] = sum
            sum += count
        }
        order.removeAll(keepingCapacity: true)
        order.append(contentsOf: repeatElement(0, count: deliveries.count))
        for index in deliveries.indices {
            let rank = Self.rank(deliveries[index].node, half)
            order[Int(places[rank])] = Int32(index)
            places[rank] += 1
        }
    }

    private static func rank(_ node: Int32, _ half: Int) -> Int {
        Int(node & 1) * half + Int(node >> 1)
    }

    /// Of the nodes of one parity.
    func half(_ parity: Int) -> ArraySlice<Int32> {
        parity == 0 ? order[..<middle] : order[middle...]
    }
}
