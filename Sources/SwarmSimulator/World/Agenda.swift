import SwarmModel

/// What is due, earliest first; of two at one time, the one planned first. A heap of small keys
/// over slots that are used again: items are moved twice, not once for each level of the heap.
struct Agenda<Item> {
    private struct Key {
        var at: Int64
        var order: UInt64
        var slot: Int32

        func precedes(_ other: Key) -> Bool {
            at != other.at ? at < other.at : order < other.order
        }
    }

    private var heap: [Key] = []
    private var slots: [Item?] = []
    private var free: [Int32] = []
    private var planned: UInt64 = 0

    var count: Int { heap.count }
    var nextAt: Instant? { heap.first.map { Instant(nanoseconds: $0.at) } }

    mutating func add(_ item: Item, at: Instant) {
        planned += 1
        let slot: Int32
        if let reused = free.popLast() {
            slot = reused
            slots[Int(slot)] = item
        } else {
            slot = Int32(slots.count)
            slots.append(item)
        }
        let key = Key(at: at.nanoseconds, order: planned, slot: slot)
        heap.append(key)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 4
            guard key.precedes(heap[parent]) else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = key
    }

    mutating func next() -> (at: Instant, item: Item)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty { sink(last) }
        guard let item = slots[Int(first.slot)] else { return nil }
        slots[Int(first.slot)] = nil
        free.append(first.slot)
        return (Instant(nanoseconds: first.at), item)
    }

    private mutating func sink(_ key: Key) {
        var parent = 0
        while true {
            let start = parent * 4 + 1
            guard start < heap.count else { break }
            var least = start
            for child in start + 1..<max(start + 1, min(start + 4, heap.count))
            where heap[child].precedes(heap[least]) {
                least = child
            }
            guard heap[least].precedes(key) else { break }
            heap[parent] = heap[least]
            parent = least
        }
        heap[parent] = key
    }
}
