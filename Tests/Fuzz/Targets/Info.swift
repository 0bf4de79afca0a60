import SwarmModel
import SwarmWire

// An info dictionary that is accepted can be made again from its parts.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    do throws(MetainfoError) {
        let info = try MetainfoCodec.decodeInfo(input, hasher: StubHasher())
        let made = try? MetainfoCodec.makeInfo(
            name: info.name,
            pieceLength: info.geometry.pieceLength,
            files: info.files.reversed(),
            isPrivate: info.isPrivate,
            hasher: StubHasher()
        )
        precondition(made?.files == info.files, "other files")
        precondition(made?.geometry == info.geometry, "another geometry")
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}
