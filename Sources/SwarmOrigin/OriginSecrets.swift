internal import Foundation
internal import SwarmModel

/// Where an origin's credentials are kept: names of environment variables, or a file. The secrets
/// themselves are fetched for each request and kept nowhere.
package enum OriginSecrets: Hashable, Sendable {
    case environment([Kind: String])
    /// A JSON object with the keys of ``Kind``.
    case file(String)

    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case accessKeyID, secretAccessKey, sessionToken, bearerToken
    }

    /// Longest file of credentials, in bytes.
    private static let byteCountMax = 64 << 10

    func value(of kind: Kind) throws(OriginError) -> String {
        guard let value = try optionalValue(of: kind) else {
            throw OriginError(.denied("the origin: no \(kind.rawValue) \(place(of: kind))"))
        }
        return value
    }

    /// Nil when it is not there; an empty one is as good as none.
    func optionalValue(of kind: Kind) throws(OriginError) -> String? {
        switch self {
        case .environment(let names):
            guard let name = names[kind] else { return nil }
            return ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
        case .file(let path):
            guard let data = try? Data(contentsOf: URL(filePath: path)),
                data.count <= Self.byteCountMax,
                let object = try? JSONDecoder().decode([String: String].self, from: data)
            else {
                throw OriginError(
                    .denied("the origin: '\(path)' is not a readable JSON object of credentials")
                )
            }
            return object[kind.rawValue].flatMap { $0.isEmpty ? nil : $0 }
        }
    }

    private func place(of kind: Kind) -> String {
        switch self {
        case .environment(let names):
            names[kind].map { "in the environment variable \($0)" } ?? "is configured"
        case .file(let path): "in '\(path)'"
        }
    }
}
