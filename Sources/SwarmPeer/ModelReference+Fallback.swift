package import SwarmModel

extension ModelReference {
    /// A name for a version whose metainfo does not carry one, as for a foreign torrent:
    /// `local/NAME@first 12 digits of the info-hash`.
    package init(fallbackFor info: VersionInfo) {
        let allowed = info.name.utf8.map { byte -> UInt8 in
            let isPlain =
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
            return isPlain ? byte : UInt8(ascii: "-")
        }
        let text = "m" + String(decoding: allowed.prefix(NameFlaw.byteCountMax - 1), as: UTF8.self)
        let plain = String(text.dropFirst())
        let version = String(info.infoHash.digest.hex.prefix(12))
        // A name that begins with a dot, or is empty, gets the letter in front.
        if let reference = try? ModelReference("local/\(plain)@\(version)") {
            self = reference
        } else if let reference = try? ModelReference("local/\(text)@\(version)") {
            self = reference
        } else {
            preconditionFailure("'\(text)' is not a name")
        }
    }
}
