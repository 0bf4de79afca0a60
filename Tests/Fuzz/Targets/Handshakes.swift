import SwarmWire

// A handshake survives being written and read.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    do throws(PeerWireError) {
        let handshake = try PeerFrameCodec.decodeHandshake(input)
        let again = try? PeerFrameCodec.decodeHandshake(PeerFrameCodec.encode(handshake))
        precondition(again == handshake, "another handshake")
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}
