import SwarmModel
import SwarmWire

// A stream of frames with length prefixes. What is understood is written the same way again, apart
// from the extended handshake, of which only the values survive.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    let ours = RemoteExtensions(
        metadata: LocalExtensionID.metadata,
        doesNotHave: LocalExtensionID.doesNotHave,
        uploadOnly: LocalExtensionID.uploadOnly,
        intent: LocalExtensionID.intent,
        uplink: LocalExtensionID.uplink
    )
    var rest = input[...]
    while rest.count >= 4 {
        let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        let frame = Array(rest.dropFirst(4).prefix(length))
        rest = rest.dropFirst(4 + frame.count)
        if let id = frame.first {
            guard (try? PeerFrameCodec.check(id: id, frameLength: length)) != nil else { return 0 }
        }
        guard frame.count == length, let message = try? PeerFrameCodec.decode(frame: frame) else {
            return 0
        }
        var written: [UInt8] = []
        guard PeerFrameCodec.encode(message, extensions: ours, into: &written) else { continue }
        if case .piece(let block) = message { written += frame.suffix(Int(block.length)) }
        let again = try? PeerFrameCodec.decode(frame: Array(written.dropFirst(4)))
        precondition(again == message, "another message")
    }
    return 0
}
