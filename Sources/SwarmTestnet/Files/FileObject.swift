/// An object of a file that people write. Every key that is there must be asked for: one that
/// nobody knows is most often a misspelt one, whose value would silently not count.
struct FileObject {
    let file: String
    let path: String
    let line: Int
    private var members: [JSONNode.Member]
    private var known: [String] = []

    init(_ node: JSONNode, file: String, path: String) throws(FileFlaw) {
        guard case .object(let members) = node.value else {
            throw FileFlaw(
                file: file,
                key: path,
                line: node.line,
                reason: "is \(node.kind), expected an object"
            )
        }
        self.file = file
        self.path = path
        self.line = node.line
        self.members = members
    }

    var keys: [String] { members.map(\.name) }

    /// An error about the value of a key, or about the object itself.
    func flaw(_ key: String = "", _ reason: String) -> FileFlaw {
        let line = members.first { $0.name == key }?.node.line ?? line
        return FileFlaw(file: file, key: self.key(key), line: line, reason: reason)
    }

    private func key(_ name: String) -> String {
        name.isEmpty ? path : (path.isEmpty ? name : "\(path).\(name)")
    }

    mutating func node(_ key: String) -> JSONNode? {
        known.append(key)
        return members.first { $0.name == key }?.node
    }

    /// Call it after all keys were asked for.
    func finish() throws(FileFlaw) {
        guard let stranger = members.first(where: { !known.contains($0.name) }) else { return }
        let timed = stranger.name + "Seconds"
        guard !known.contains(timed) else {
            throw flaw(stranger.name, "has no unit; write '\(timed)'")
        }
        let list = known.sorted().joined(separator: ", ")
        throw flaw(stranger.name, "is an unknown key; the keys here are \(list)")
    }

    mutating func string(_ key: String) throws(FileFlaw) -> String? {
        guard let node = node(key) else { return nil }
        guard case .string(let text) = node.value else { throw wrong(key, node, "a text") }
        return text
    }

    mutating func requiredString(_ key: String) throws(FileFlaw) -> String {
        guard let text = try string(key) else { throw flaw("", "has no '\(key)'") }
        return text
    }

    mutating func bool(_ key: String) throws(FileFlaw) -> Bool? {
        guard let node = node(key) else { return nil }
        guard case .bool(let flag) = node.value else { throw wrong(key, node, "true or false") }
        return flag
    }

    mutating func number(
        _ key: String,
        in range: ClosedRange<Double>
    ) throws(FileFlaw) -> Double? {
        guard let node = node(key) else { return nil }
        guard case .number(let number) = node.value else { throw wrong(key, node, "a number") }
        guard range.contains(number) else {
            throw flaw(key, "is \(number), expected \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(FileFlaw) -> Int? {
        let wide = Double(range.lowerBound)...Double(range.upperBound)
        guard let number = try number(key, in: wide) else { return nil }
        guard number == number.rounded() else { throw flaw(key, "is not a whole number") }
        return Int(number)
    }

    mutating func object(_ key: String) throws(FileFlaw) -> FileObject? {
        guard let node = node(key) else { return nil }
        return try FileObject(node, file: file, path: self.key(key))
    }

    mutating func objects(_ key: String) throws(FileFlaw) -> [FileObject] {
        guard let node = node(key) else { return [] }
        guard case .array(let nodes) = node.value else { throw wrong(key, node, "a list") }
        var objects: [FileObject] = []
        for (index, node) in nodes.enumerated() {
            objects.append(try FileObject(node, file: file, path: "\(self.key(key))[\(index)]"))
        }
        return objects
    }

    /// One text or a list of texts.
    mutating func strings(_ key: String) throws(FileFlaw) -> [String]? {
        guard let node = node(key) else { return nil }
        switch node.value {
        case .string(let text): return [text]
        case .array(let nodes):
            var texts: [String] = []
            for node in nodes {
                guard case .string(let text) = node.value else {
                    throw wrong(key, node, "a list of texts")
                }
                texts.append(text)
            }
            return texts
        default: throw wrong(key, node, "a text or a list of texts")
        }
    }

    mutating func integers(_ key: String, in range: ClosedRange<Int>) throws(FileFlaw) -> [Int] {
        guard let node = node(key) else { return [] }
        guard case .array(let nodes) = node.value else { throw wrong(key, node, "a list") }
        var numbers: [Int] = []
        for node in nodes {
            guard case .number(let number) = node.value, number == number.rounded(),
                number >= Double(range.lowerBound), number <= Double(range.upperBound)
            else {
                throw flaw(key, "needs whole numbers, \(range.lowerBound) to \(range.upperBound)")
            }
            numbers.append(Int(number))
        }
        return numbers
    }

    private func wrong(_ key: String, _ node: JSONNode, _ expected: String) -> FileFlaw {
        flaw(key, "is \(node.kind), expected \(expected)")
    }
}
