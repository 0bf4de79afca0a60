/// Why a name from a metainfo may not become a name on disk. A view is built from names without a
/// second look, on any host, so the rules are those of the strictest.
package enum PathFlaw: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    /// `.` or `..`
    case dots
    case separator
    case controlCharacter
    case notText
    case componentTooLong(bytes: Int)
    case pathTooLong(bytes: Int)
    case tooDeep(components: Int)
    /// A device name of Windows, with or without an extension.
    case deviceName

    /// Longest component, in bytes: the limit of Linux file systems.
    package static let componentByteCountMax = 255
    /// Longest path below the version's directory, in bytes, separators included.
    package static let pathByteCountMax = 1024
    package static let depthMax = 16

    /// Checks one component and returns it as text.
    package static func check(component bytes: some Collection<UInt8>) throws(PathFlaw) -> String {
        guard !bytes.isEmpty else { throw .empty }
        guard bytes.count <= componentByteCountMax else {
            throw .componentTooLong(bytes: bytes.count)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .notText }
        if text == "." || text == ".." { throw .dots }
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x2F, 0x5C: throw .separator
            case 0..<0x20, 0x7F...0x9F: throw .controlCharacter
            default: continue
            }
        }
        if isDeviceName(bytes) { throw .deviceName }
        return text
    }

    /// Checks the length of a path whose components are good.
    package static func check(path: [String]) throws(PathFlaw) {
        guard !path.isEmpty else { throw .empty }
        guard path.count <= depthMax else { throw .tooDeep(components: path.count) }
        let bytes = path.reduce(path.count - 1) { $0 + $1.utf8.count }
        guard bytes <= pathByteCountMax else { throw .pathTooLong(bytes: bytes) }
    }

    private static func isDeviceName(_ bytes: some Collection<UInt8>) -> Bool {
        var stem = bytes.prefix { $0 != UInt8(ascii: ".") }.map { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte - 32 : byte
        }
        while stem.last == UInt8(ascii: " ") { stem.removeLast() }
        switch String(decoding: stem, as: UTF8.self) {
        case "CON", "PRN", "AUX", "NUL": return true
        default: break
        }
        guard stem.count == 4, (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(stem[3]) else {
            return false
        }
        return stem.starts(with: "COM".utf8) || stem.starts(with: "LPT".utf8)
    }

    package var description: String {
        switch self {
        case .empty: "the name is empty"
        case .dots: "'.' and '..' are not names"
        case .separator: "a name contains '/' or '\\'"
        case .controlCharacter: "a name contains a control character"
        case .notText: "a name is not valid UTF-8"
        case .componentTooLong(let bytes):
            "a name of \(bytes) bytes; at most \(Self.componentByteCountMax) are allowed"
        case .pathTooLong(let bytes):
            "a path of \(bytes) bytes; at most \(Self.pathByteCountMax) are allowed"
        case .tooDeep(let components):
            "a path of \(components) components; at most \(Self.depthMax) are allowed"
        case .deviceName: "the name is that of a device on Windows"
        }
    }
}
