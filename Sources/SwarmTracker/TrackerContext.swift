internal import Hummingbird
internal import NIOCore
internal import SwarmModel
internal import SwarmRuntime

/// What a request carries through the router: who sent it, beside the usual.
struct TrackerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The other end of the connection. Headers that claim another one are not believed.
    let client: Endpoint?
    /// What the request came in by; nil in tests of the router alone.
    let connection: (any Channel)?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        connection = source.channel
        client = source.channel.remoteAddress.flatMap { Endpoint($0) }
    }
}
