import SwarmModel
import SwarmWire

// A metainfo that is accepted survives being written and read.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    do throws(MetainfoError) {
        let metainfo = try MetainfoCodec.decode(input, hasher: StubHasher())
        let written = MetainfoCodec.encode(metainfo)
        let again = try? MetainfoCodec.decode(written, hasher: StubHasher())
        precondition(again == metainfo, "another metainfo")
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}
