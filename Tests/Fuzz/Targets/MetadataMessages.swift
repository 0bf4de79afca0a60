import SwarmWire

// A ut_metadata message survives being written and read.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    do throws(PeerWireError) {
        guard let message = try MetadataCodec.decode(input) else { return 0 }
        let again = try? MetadataCodec.decode(MetadataCodec.encode(message))
        precondition(again == message, "another message")
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}
