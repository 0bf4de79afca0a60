import SwarmWire

// A magnet link that is accepted survives being written and read.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    let text = String(decoding: input, as: UTF8.self)
    do throws(MagnetError) {
        let link = try MagnetLink(text)
        // Escapes can make a link longer than the limit.
        guard link.description.utf8.count <= MagnetLink.byteCountMax else { return 0 }
        precondition((try? MagnetLink(link.description)) == link, link.description)
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}
