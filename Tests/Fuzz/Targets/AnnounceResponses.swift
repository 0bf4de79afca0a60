import SwarmModel
import SwarmWire

// An answer that is accepted survives being written and read, in both forms.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    do throws(AnnounceResponseError) {
        let response = try AnnounceCodec.decodeResponse(input)
        for isCompact in [true, false] {
            let written = AnnounceCodec.encodeResponse(response, isCompact: isCompact)
            guard let again = try? AnnounceCodec.decodeResponse(written) else {
                preconditionFailure("refused")
            }
            precondition(sorted(again) == sorted(response), "another answer")
        }
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}

/// The compact form puts v4 before v6.
private func sorted(_ response: AnnounceResponse) -> AnnounceResponse {
    guard case .success(var success) = response else { return response }
    success.peers.sort()
    return .success(success)
}
