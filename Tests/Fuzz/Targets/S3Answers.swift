import SwarmModel
import SwarmWire

// Listings and refusals of S3 servers, and locations of origins.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    if let page = try? S3Codec.decodePage(input) {
        precondition(page.objects.allSatisfy { $0.size >= 0 }, "a negative size")
        precondition(!page.isTruncated || page.nextToken?.isEmpty == false, "no way to go on")
    }
    _ = S3Codec.decodeRefusal(input)
    if let text = String(validating: input, as: UTF8.self),
        let location = try? OriginLocation(text)
    {
        precondition((try? OriginLocation(location.description)) == location, "another location")
        precondition(!location.description.split(separator: "/").contains(".."), "leaves its base")
    }
    return 0
}
