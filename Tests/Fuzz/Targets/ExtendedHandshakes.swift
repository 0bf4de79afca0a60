import SwarmWire

// What an extended handshake means survives being written and read.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    do throws(PeerWireError) {
        let handshake = try ExtendedHandshakeCodec.decode(input)
        let again = try? ExtendedHandshakeCodec.decode(ExtendedHandshakeCodec.encode(handshake))
        precondition(again == handshake, "another handshake")
        _ = RemoteExtensions(handshake)
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}
