import SwarmWire

// Messages 21 to 23: the first byte selects one. They have one encoding.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    guard let first = input.first else { return 0 }
    let frame = [PeerMessageID.hashRequest + first % 3] + input.dropFirst()
    do throws(PeerWireError) {
        let message = try PeerFrameCodec.decode(frame: frame)
        var written: [UInt8] = []
        PeerFrameCodec.encode(message, extensions: .none, into: &written)
        precondition(Array(written.dropFirst(4)) == frame, "another frame")
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}
