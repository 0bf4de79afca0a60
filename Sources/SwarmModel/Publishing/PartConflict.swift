/// Why a part of a version does not fit to those that are there.
package enum PartConflict: Error, Sendable {
    /// It does not say which part it is.
    case notPart
    case otherCount(there: Int, offered: Int)
    case otherPieceLength(there: Int?, offered: Int?)
    case otherName(there: String, offered: String)
    case otherPrivacy
    case tooManyFiles(count: Int, limit: Int)
    /// Two parts have other content, length or mode at one path.
    case otherContent(String, parts: (Int, Int))
    /// What is a file in one part is a directory in the other.
    case fileIsDirectory(String, parts: (Int, Int))
    /// The same part was published before, with other files.
    case otherPart(Int, path: String)
}

extension PartConflict: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notPart: "it does not say which part it is"
        case .otherCount(let there, let offered):
            "it is one of \(offered) parts, and the others are of \(there)"
        case .otherPieceLength(let there, let offered):
            "it asks for \(Self.text(offered)), and the other parts ask for \(Self.text(there)); "
                + "give all the same --piece-length, or none"
        case .otherName(let there, let offered):
            "it calls the version '\(offered)', and the other parts call it '\(there)'"
        case .otherPrivacy: "--private is given for some of the parts and not for others"
        case .tooManyFiles(let count, let limit):
            "the parts have \(count) files together, of which \(limit) are allowed"
        case .otherContent(let path, let parts):
            "'\(path)' is not the same in parts \(parts.0) and \(parts.1)"
        case .fileIsDirectory(let path, let parts):
            "'\(path)' is a file in part \(parts.0) and a directory in part \(parts.1)"
        case .otherPart(let number, let path):
            "part \(number) is there with other files: '\(path)' differs"
        }
    }

    /// Other files in the place of those that are there would fit.
    package var isReplaceable: Bool {
        switch self {
        case .otherPart, .otherContent, .fileIsDirectory: true
        case .notPart, .otherCount, .otherPieceLength, .otherName, .otherPrivacy, .tooManyFiles:
            false
        }
    }

    private static func text(_ pieceLength: Int?) -> String {
        pieceLength.map { "pieces of \($0) bytes" } ?? "no piece length"
    }
}
