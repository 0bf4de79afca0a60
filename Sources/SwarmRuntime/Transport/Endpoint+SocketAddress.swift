package import NIOCore
package import SwarmModel

extension Endpoint {
    /// Nil for a Unix socket. An IPv4 address in IPv6 clothes (RFC 4291, 2.5.5.2), as a socket that
    /// listens for both reports it, becomes the IPv4 address that it is.
    package init?(_ address: SocketAddress) {
        // Family, port, address for IPv4; family, port, flow, address for IPv6: all in network
        // order.
        let bytes = address.withSockAddr { start, count in
            [UInt8](UnsafeRawBufferPointer(start: start, count: count))
        }
        switch address.protocol {
        case .inet: self.init(compact: bytes[4..<8] + bytes[2..<4])
        case .inet6 where bytes[8..<20].elementsEqual(Self.mappedPrefix):
            self.init(compact: bytes[20..<24] + bytes[2..<4])
        case .inet6: self.init(compact: bytes[8..<24] + bytes[2..<4])
        default: return nil
        }
    }

    private static let mappedPrefix: [UInt8] = Array(repeating: 0, count: 10) + [0xFF, 0xFF]

    package func socketAddress() throws -> SocketAddress {
        try SocketAddress(
            packedIPAddress: ByteBuffer(bytes: compact.dropLast(2)),
            port: Int(port)
        )
    }
}
