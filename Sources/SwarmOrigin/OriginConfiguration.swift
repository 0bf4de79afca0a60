internal import Foundation
package import SwarmModel

/// One origin as the operator's file describes it: what may be asked, where, and as whom.
package struct OriginConfiguration: Hashable, Sendable {
    package enum Place: Hashable, Sendable {
        /// Ends in a slash.
        case http(url: String)
        case s3(S3)
        case directory(path: String)
    }

    package struct S3: Hashable, Sendable {
        package var bucket: String
        /// Empty or with a slash at the end.
        package var prefix: String
        package var region: String
        package var endpoint: String
        package var style: S3Origin.Style
    }

    package var facts: OriginFacts
    package var place: Place
    /// Nil asks as nobody.
    package var secrets: OriginSecrets?

    package init(facts: OriginFacts, place: Place, secrets: OriginSecrets?) {
        self.facts = facts
        self.place = place
        self.secrets = secrets
    }

    /// The URL below which a metainfo's locations are this origin's.
    package var base: String {
        switch place {
        case .http(let url): url
        case .s3(let s3): "s3://\(s3.bucket.lowercased())/\(s3.prefix)"
        case .directory(let path): "file://\(path)/"
        }
    }
}

/// Why a file of origins cannot be used: names the file, the origin and the key.
package struct OriginConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String
    package var description: String { message }
}

extension OriginConfiguration {
    /// Longest file, in bytes.
    package static let byteCountMax = 1 << 20
    private static let readsRange = 1...64

    /// Reads `{"origins": [{"id", "kind", …}]}`; `path` is for messages.
    package static func read(
        _ json: [UInt8],
        path: String
    ) throws(OriginConfigurationError) -> [Self] {
        let root: JSONObject
        do {
            root = try JSONDecoder().decode(JSONObject.self, from: Data(json))
        } catch {
            throw OriginConfigurationError(
                message: "'\(path)' is not a file of origins: it is not one JSON object of texts, "
                    + #"numbers, objects and lists; write {"origins": [{"id": …, "kind": …}]}"#
            )
        }
        var reader = Reader(place: "'\(path)'", object: root)
        let list = try reader.list("origins")
        try reader.finish()
        var found: [Self] = []
        for (index, entry) in list.enumerated() {
            let origin = try one(entry, place: "origin \(index + 1) of '\(path)'")
            guard !found.contains(where: { $0.facts.id == origin.facts.id }) else {
                throw OriginConfigurationError(
                    message: "'\(path)' has two origins with the id '\(origin.facts.id)'"
                )
            }
            found.append(origin)
        }
        return found
    }

    private static func one(
        _ object: JSONObject,
        place: String
    ) throws(OriginConfigurationError) -> Self {
        var reader = Reader(place: place, object: object)
        let name = try reader.text("id")
        guard let id = OriginID(name) else {
            throw reader.flaw("id", "is '\(name)'; use lower-case letters, digits, '.', '_', '-'")
        }
        reader.place = "origin '\(id)' of " + (place.split(separator: " ").last ?? "")
        var facts = OriginFacts(id: id)
        if let text = try reader.optionalText("locality") {
            do {
                facts.locality = try Locality(text)
            } catch {
                throw reader.flaw("locality", "has \(error)")
            }
        }
        if let count = try reader.number("concurrency") {
            guard readsRange.contains(count) else {
                throw reader.flaw("concurrency", "is \(count); use 1 to \(readsRange.upperBound)")
            }
            facts.readsMax = count
        }
        let kind = try reader.text("kind")
        let origin: Self
        switch kind {
        case "http": origin = try http(&reader, facts)
        case "s3": origin = try s3(&reader, facts)
        case "directory": origin = try directory(&reader, facts)
        default: throw reader.flaw("kind", "is '\(kind)'; use http, s3 or directory")
        }
        try reader.finish()
        return origin
    }

    private static func http(
        _ reader: inout Reader,
        _ facts: OriginFacts
    ) throws(OriginConfigurationError) -> Self {
        let url = try webAddress("url", try reader.text("url"), reader)
        let secrets = try secrets(&reader, [.bearerToken])
        return Self(facts: facts, place: .http(url: url), secrets: secrets)
    }

    private static func s3(
        _ reader: inout Reader,
        _ facts: OriginFacts
    ) throws(OriginConfigurationError) -> Self {
        let bucket = try reader.text("bucket")
        guard (1...255).contains(bucket.utf8.count),
            bucket.utf8.allSatisfy({ isBucketByte($0) }), bucket.first != "."
        else { throw reader.flaw("bucket", "is '\(bucket.prefix(80))', which is no bucket's name") }
        let region = try reader.optionalText("region") ?? "us-east-1"
        let endpoint = try reader.optionalText("endpoint")
        let style = try reader.optionalText("style") ?? (endpoint == nil ? "virtual" : "path")
        guard let style = S3Origin.Style(rawValue: style) else {
            throw reader.flaw("style", "is '\(style)'; use path or virtual")
        }
        var prefix = try reader.optionalText("prefix") ?? ""
        if !prefix.isEmpty, !prefix.hasSuffix("/") { prefix += "/" }
        let address = try webAddress(
            "endpoint",
            endpoint ?? "https://s3.\(region).amazonaws.com",
            reader
        )
        let place = S3(
            bucket: bucket,
            prefix: prefix,
            region: region,
            endpoint: address,
            style: style
        )
        let secrets = try secrets(&reader, [.accessKeyID, .secretAccessKey, .sessionToken])
        return Self(facts: facts, place: .s3(place), secrets: secrets)
    }

    private static func isBucketByte(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
            || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    private static func directory(
        _ reader: inout Reader,
        _ facts: OriginFacts
    ) throws(OriginConfigurationError) -> Self {
        var path = try reader.text("path")
        guard path.hasPrefix("/") else { throw reader.flaw("path", "is not absolute") }
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return Self(facts: facts, place: .directory(path: path), secrets: nil)
    }

    /// An address without secrets, with a slash at the end.
    private static func webAddress(
        _ key: String,
        _ text: String,
        _ reader: Reader
    ) throws(OriginConfigurationError) -> String {
        guard let location = try? OriginLocation(text), case .url(let url) = location,
            url.hasPrefix("http://") || url.hasPrefix("https://")
        else {
            throw reader.flaw(
                key,
                "is '\(text.prefix(200))'; write https://HOST/PATH/ without user or query"
            )
        }
        return url
    }

    private static func secrets(
        _ reader: inout Reader,
        _ kinds: [OriginSecrets.Kind]
    ) throws(OriginConfigurationError) -> OriginSecrets? {
        guard let object = try reader.object("credentials") else { return nil }
        var inner = Reader(place: "'credentials' of \(reader.place)", object: object)
        let file = try inner.optionalText("file")
        let environment = try inner.object("environment")
        try inner.finish()
        switch (file, environment) {
        case (let file?, nil): return .file(file)
        case (nil, let environment?):
            var names: [OriginSecrets.Kind: String] = [:]
            var variables = Reader(place: "'environment' in \(inner.place)", object: environment)
            for kind in kinds { names[kind] = try variables.optionalText(kind.rawValue) }
            try variables.finish()
            return .environment(names)
        default:
            throw OriginConfigurationError(
                message: "\(inner.place) must have either 'file' or 'environment'"
            )
        }
    }
}
