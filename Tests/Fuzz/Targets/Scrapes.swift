import SwarmWire

// Queries and answers of scrape: both readers see the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    if let swarms = try? AnnounceCodec.decodeScrapeRequest(query: input) {
        let query = AnnounceCodec.encodeScrapeRequest(swarms)
        precondition((try? AnnounceCodec.decodeScrapeRequest(query: query)) == swarms, query)
    }
    if let entries = try? AnnounceCodec.decodeScrapeResponse(input) {
        let written = AnnounceCodec.encodeScrapeResponse(entries)
        precondition((try? AnnounceCodec.decodeScrapeResponse(written)) == entries, "other counts")
    }
    return 0
}
