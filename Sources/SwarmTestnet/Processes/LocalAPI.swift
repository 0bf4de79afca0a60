import Foundation
import SwarmModel

/// A peer's local API over its Unix socket: one short request for each connection.
struct LocalAPI {
    let socketPath: String

    /// Longest path that a Unix socket can have (unix(7)).
    static let pathByteCountMax = 107
    private static let answerByteCountMax = 16 << 20
    private static let patience = timeval(tv_sec: 2, tv_usec: 0)

    /// What the peer says of a version; nil while it has not joined the swarm.
    func status(of name: String, version: String) throws -> HostStatus? {
        let body = try request("GET", "/v1/status")
        let all = try JSONDecoder().decode(NodeStatus.self, from: Data(body))
        var status = all.versions.first { $0.name == name && $0.version == version }
        status?.peerID = all.peer
        status?.allReceivedBytes = all.versions.reduce(0) { $0 + $1.receivedBytes }
        return status
    }

    /// Asks the peer to fetch a version and keep it.
    func join(_ reference: String) throws {
        let path = reference.split(separator: "@").joined(separator: "/")
        _ = try request("POST", "/v1/versions/\(path)")
    }

    private struct NodeStatus: Decodable {
        var peer: String
        var versions: [HostStatus]
    }

    // MARK: HTTP

    private func request(_ method: String, _ path: String) throws -> [UInt8] {
        let socket = try connected()
        defer { close(socket) }
        let text =
            "\(method) \(path) HTTP/1.1\r\nHost: peer\r\nContent-Length: 0\r\n"
            + "Connection: close\r\n\r\n"
        try send(Array(text.utf8), to: socket)
        let answer = try readToEnd(socket)
        guard let end = answer.firstRange(of: Array("\r\n\r\n".utf8)) else {
            throw TestnetError("the peer at \(socketPath) sent no answer")
        }
        let head = String(decoding: answer[..<end.lowerBound], as: UTF8.self)
        let body = Array(answer[end.upperBound...])
        guard head.hasPrefix("HTTP/1.1 2") else {
            let said = String(decoding: body.prefix(500), as: UTF8.self)
            throw TestnetError("the peer at \(socketPath) refused \(method) \(path): \(said)")
        }
        return body
    }

    private func connected() throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw TestnetError("no socket: errno \(errno)") }
        var patience = Self.patience
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) {
            $0.copyBytes(from: socketPath.utf8.prefix(Self.pathByteCountMax))
        }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else {
            close(descriptor)
            throw TestnetError("nobody answers at \(socketPath): errno \(errno)")
        }
        return descriptor
    }

    private func send(_ bytes: [UInt8], to descriptor: Int32) throws {
        let sent = bytes.withUnsafeBytes {
            Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard sent == bytes.count else {
            throw TestnetError("the peer at \(socketPath) takes no request: errno \(errno)")
        }
    }

    private func readToEnd(_ descriptor: Int32) throws -> [UInt8] {
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return answer }
            guard count > 0, answer.count + count <= Self.answerByteCountMax else {
                throw TestnetError("the peer at \(socketPath) does not finish its answer")
            }
            answer += chunk[..<count]
            if Self.isWhole(answer) { return answer }
        }
    }

    /// Whether the body is as long as the head says: the peer need not close the connection.
    private static func isWhole(_ answer: [UInt8]) -> Bool {
        guard let end = answer.firstRange(of: Array("\r\n\r\n".utf8)) else { return false }
        let head = String(decoding: answer[..<end.lowerBound], as: UTF8.self).lowercased()
        let line = head.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
        let length = line.flatMap { Int($0.dropFirst("content-length:".count).trimmed) }
        return length.map { answer.count >= end.upperBound + $0 } ?? false
    }
}

/// The part of `shoal status --json` that the laboratory looks at.
package struct HostStatus: Codable, Hashable, Sendable {
    /// Which peer says so; it is the process's, not the version's.
    package var peerID: String?
    /// Payload of all versions that the process has, which it receives since it was started.
    package var allReceivedBytes: Int?
    package var name: String
    /// Scripts have but one.
    package var version: String?
    package var state: String
    package var problem: String?
    package var bytes: Int
    package var verifiedBytes: Int
    package var receivedBytes: Int
    package var duplicateBytes: Int
    package var uploadedBytes: Int
    package var peers: Int
    package var bannedPeers: [String]
    package var unavailablePieces: Int
    /// Says which by file and number; only our own peers do.
    package var unavailable: [Missing]?
    package var from: [Source]
    package var path: String?
    package var seconds: Double

    package struct Missing: Codable, Hashable, Sendable {
        package var file: String
        package var first: Int
        package var last: Int
    }

    package struct Source: Codable, Hashable, Sendable {
        package var domain: String
        package var kind: String
        package var bytes: Int
    }

    package var isComplete: Bool { state == "seeding" }
    package var progress: Double { bytes > 0 ? Double(verifiedBytes) / Double(bytes) : 0 }
}
