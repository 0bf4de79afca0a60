import SwarmModel
import SwarmWire

// Endpoints, localities, model references, hexadecimal and percent escapes: one text form each.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    let text = String(decoding: input, as: UTF8.self)
    if let endpoint = Endpoint(parsing: text) {
        precondition(Endpoint(parsing: endpoint.description) == endpoint, text)
        precondition(Endpoint(compact: endpoint.compact) == endpoint, text)
    }
    if let address = Endpoint.Address(parsing: text) {
        let shown = Endpoint(address: address, port: 1).addressText
        precondition(Endpoint.Address(parsing: shown) == address, text)
    }
    if let locality = try? Locality(text) {
        precondition(locality.description == text, text)
        precondition((try? Locality(locality.description)) == locality, text)
    }
    if let reference = try? ModelReference(text) {
        precondition(reference.description == text, text)
    }
    if let epoch = RosterEpoch(text: text) { precondition(epoch.text == text, text) }
    if let bytes = Hex.decode(text) { precondition(Hex.decode(Hex.encode(bytes)) == bytes, text) }
    if let bytes = PercentCoding.decode(input) {
        precondition(PercentCoding.decode(PercentCoding.encode(bytes).utf8) == bytes, text)
    }
    _ = TrackerURL.scrape(announce: text)
    return 0
}
