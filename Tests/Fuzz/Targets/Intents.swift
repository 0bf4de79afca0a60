import SwarmModel
import SwarmWire

// What is read of an intent is written the same way again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    do throws(PeerWireError) {
        guard let intent = try ImportIntentCodec.decode(input.span.bytes) else { return 0 }
        precondition(intent.pieces.count <= ImportIntent.pieceCountMax)
        precondition(ImportIntentCodec.encode(intent) == input, "other bytes")
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}
