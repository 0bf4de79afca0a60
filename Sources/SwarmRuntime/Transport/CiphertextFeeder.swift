import NIOCore
import NIOSSL

/// Stands between the socket and TLS, where it keeps what TLS does cheap.
///
/// A read may bring a megabyte. It is passed on in parts, each decrypted and taken up before the
/// next: so the plaintext is still in the cache of the core when it is copied into its block, and
/// the buffer that each connection keeps for it is as long as a part. The megabyte itself goes back
/// to the loop, for the next connection.
///
/// TLS asks for a read when one brought no whole record while reading is stopped. That request ends
/// here: more bytes than the connection has room for would close it.
final class CiphertextFeeder: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let connection: PeerConnectionHandler

    init(_ connection: PeerConnectionHandler) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        let limit = connection.loop.limits.openedLength
        while buffer.readableBytes > limit, let part = buffer.readSlice(length: limit) {
            context.fireChannelRead(wrapInboundOut(part))
            context.fireChannelReadComplete()
        }
        // The channel itself ends the burst.
        context.fireChannelRead(wrapInboundOut(buffer.slice()))
        connection.loop.giveBackReceiveBuffer(buffer)
    }

    func read(context: ChannelHandlerContext) {
        if connection.isReading { context.read() }
    }
}

/// The handlers of TLS for one connection.
enum NIOSSLHandlers {
    static func server(_ tls: PeerTLS) -> NIOSSLHandler {
        NIOSSLServerHandler(context: tls.material().server)
    }

    static func client(_ tls: PeerTLS) throws -> NIOSSLHandler {
        try NIOSSLClientHandler(context: tls.material().client, serverHostname: nil)
    }
}

extension PeerConnectionHandler {
    /// Makes the connection one in TLS, before its first byte.
    func addTLS(
        _ handler: NIOSSLHandler,
        to pipeline: ChannelPipeline.SynchronousOperations,
        position: ChannelPipeline.SynchronousOperations.Position
    ) throws {
        beginTLS(handler)
        try pipeline.addHandlers([CiphertextFeeder(self), handler], position: position)
    }
}
