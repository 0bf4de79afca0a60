import Foundation
import SwarmModel

// Price files: what is read has prices within bounds, and is the same when it is written and read.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Data(bytes: data, count: count)
    let prices: EgressPrices
    do {
        prices = try JSONDecoder().decode(EgressPrices.self, from: input)
    } catch let error as DecodingError {
        precondition(!error.keyAndReason.isEmpty)
        return 0
    } catch {
        return 0
    }
    for rule in prices.rules {
        precondition((0...EgressPrices.usdPerGBMax).contains(rule.usdPerGB))
    }
    guard let place = try? Locality("aws/us-east-1/a") else { return 0 }
    _ = prices.usd(1, from: place, to: .unknown, kind: .origin)
    guard let again = try? JSONEncoder().encode(prices) else { preconditionFailure("no encoding") }
    precondition((try? JSONDecoder().decode(EgressPrices.self, from: again)) == prices)
    return 0
}
