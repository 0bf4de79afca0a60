import NIOCore
import SwarmWire

/// Stands before the handler of an accepted connection until its first byte has come, by which TLS
/// and plaintext are told apart on one port: a TLS record of the handshake begins with 22 (RFC
/// 8446, 5.1), a BitTorrent handshake with 19 (BEP 3). It looks at that byte and takes nothing.
final class FirstByteDetector: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    static let tlsFirstByte: UInt8 = 22

    private let connection: PeerConnectionHandler
    private let tls: PeerTLS
    private let acceptsPlain: Bool

    init(_ connection: PeerConnectionHandler, tls: PeerTLS, acceptsPlain: Bool) {
        self.connection = connection
        self.tls = tls
        self.acceptsPlain = acceptsPlain
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard let first = buffer.readableBytesView.first else { return }
        switch first {
        case Self.tlsFirstByte: startTLS(context)
        case PeerFrameCodec.handshakeFirstByte where !acceptsPlain:
            return connection.close(.plaintextRefused)
        default: break
        }
        context.fireChannelRead(data)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    private func startTLS(_ context: ChannelHandlerContext) {
        do {
            try connection.addTLS(
                NIOSSLHandlers.server(tls),
                to: context.pipeline.syncOperations,
                position: .after(self)
            )
        } catch {
            connection.close(.tlsFailed("\(error)"))
        }
    }
}
