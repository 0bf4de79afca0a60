import SwarmWire

// What the reader accepts is canonical: walking it and writing it again gives the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    let limits = BencodeLimits(byteCountMax: 1 << 20, tokenCountMax: 10_000)
    guard let value = try? BencodeValue(input, limits: limits) else { return 0 }
    precondition(copy(value).encoding == input, "another encoding")
    return 0
}

private func copy(_ value: BencodeValue) -> BencodeTree {
    if let number = value.integer { return .integer(number) }
    if let bytes = value.bytes { return .bytes(Array(bytes)) }
    if let list = value.list { return .list(list.map(copy)) }
    guard let entries = value.dictionary else { preconditionFailure("a value of no kind") }
    return .entries(entries.map { BencodeTree.Entry($0.key, copy($0.value)) })
}
