package import OrderedCollections

extension OrderedDictionary {
    /// Removes a value in constant time: the last one takes its place.
    @discardableResult
    package mutating func removeUnordered(_ key: Key) -> Value? {
        guard let index = index(forKey: key) else { return nil }
        swapAt(index, count - 1)
        return removeLast().value
    }
}
