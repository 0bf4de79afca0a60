import Dispatch
import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A TCP connection to a local port that does exactly what a test says, closed with the value.
final class RawConnection: Sendable {
    private let descriptor: CInt

    struct Failure: Error { var operation: String }

    init(port: UInt16) throws {
        #if canImport(Glibc)
            descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        #else
            descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        guard descriptor >= 0 else { throw Failure(operation: "socket") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure(operation: "connect") }
    }

    deinit { close(descriptor) }

    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            throw Failure(operation: "send")
        }
    }

    /// Sends, and waits for the first bytes of an answer, away from the threads that the tracker
    /// needs.
    func exchange(_ text: String) async throws {
        try send(text)
        let count = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [self] in
                var buffer = [UInt8](repeating: 0, count: 4096)
                continuation.resume(returning: recv(descriptor, &buffer, buffer.count, 0))
            }
        }
        guard count > 0 else { throw Failure(operation: "receive") }
    }
}

/// A local port where connections are taken by the system and nobody ever answers.
final class SilentListener: Sendable {
    private let descriptor: CInt
    let port: UInt16

    init() throws {
        #if canImport(Glibc)
            let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        #else
            let listener = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) | listen(listener, 8)
                    | getsockname(listener, $0, &length)
            }
        }
        descriptor = listener
        port = UInt16(bigEndian: address.sin_port)
        guard result == 0 else { throw RawConnection.Failure(operation: "listen") }
    }

    deinit { close(descriptor) }
}
