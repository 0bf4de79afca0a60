import SwarmModel
import SwarmWire

// An announce that is accepted survives being written and read.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    do throws(AnnounceRequestError) {
        let request = try AnnounceCodec.decodeRequest(query: input)
        let query = AnnounceCodec.encodeRequest(request)
        precondition((try? AnnounceCodec.decodeRequest(query: query)) == request, query)
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}
