import SwarmModel
import Testing

@testable import SwarmOrigin

@Suite("The operator's file of origins")
struct ConfigurationTests {
    private static func read(_ json: String) throws -> [OriginConfiguration] {
        try OriginConfiguration.read(Array(json.utf8), path: "o.json")
    }

    @Test("all kinds are read")
    func kinds() throws {
        let origins = try Self.read(
            """
            {"origins": [
              {"id": "web", "kind": "http", "url": "https://Host/models", "concurrency": 8,
               "locality": "aws/us-east-1",
               "credentials": {"environment": {"bearerToken": "WEB_TOKEN"}}},
              {"id": "cloud", "kind": "s3", "bucket": "Models", "prefix": "a/b"},
              {"id": "local", "kind": "s3", "bucket": "b", "endpoint": "http://127.0.0.1:9000",
               "region": "x", "credentials": {"file": "/etc/secret.json"}},
              {"id": "mount", "kind": "directory", "path": "/mnt/models/"}
            ]}
            """
        )
        #expect(origins.map(\.facts.id.text) == ["web", "cloud", "local", "mount"])
        #expect(origins[0].place == .http(url: "https://host/models/"))
        #expect(origins[0].facts.readsMax == 8)
        #expect(origins[0].secrets == .environment([.bearerToken: "WEB_TOKEN"]))
        #expect(
            origins[1].place
                == .s3(
                    .init(
                        bucket: "Models",
                        prefix: "a/b/",
                        region: "us-east-1",
                        endpoint: "https://s3.us-east-1.amazonaws.com/",
                        style: .virtual
                    )
                )
        )
        #expect(origins[1].base == "s3://models/a/b/")
        #expect(origins[2].secrets == .file("/etc/secret.json"))
        #expect(origins[3].place == .directory(path: "/mnt/models"))
    }

    @Test(
        "a mistake is named with the file, the origin and the key",
        arguments: [
            ("[]", "o.json"), ("{}", "'origins' in 'o.json' is missing"),
            (#"{"origins": [], "x": 1}"#, "'x' in 'o.json' does not exist"),
            (#"{"origins": [{"id": "A", "kind": "http"}]}"#, "'id'"),
            (#"{"origins": [{"id": "a", "kind": "ftp"}]}"#, "'kind'"),
            (#"{"origins": [{"id": "a", "kind": "http", "url": "x"}]}"#, "'url'"),
            (#"{"origins": [{"id": "a", "kind": "http", "url": "http://u:p@h/"}]}"#, "'url'"),
            (#"{"origins": [{"id": "a", "kind": "s3", "bucket": "a/b"}]}"#, "'bucket'"),
            (#"{"origins": [{"id": "a", "kind": "s3", "bucket": "b", "style": "x"}]}"#, "'style'"),
            (#"{"origins": [{"id": "a", "kind": "directory", "path": "x"}]}"#, "'path'"),
            (
                #"{"origins": [{"id": "a", "kind": "directory", "path": "/x", "url": "y"}]}"#,
                "'url' in origin 'a' of 'o.json' does not exist"
            ),
            (
                #"{"origins": [{"id": "a", "kind": "directory", "path": "/x", "concurrency": 0}]}"#,
                "'concurrency'"
            ),
            (
                #"{"origins": [{"id": "a", "kind": "directory", "path": "/", "locality": "a//"}]}"#,
                "'locality'"
            ),
            (
                #"{"origins": [{"id": "a", "kind": "http", "url": "http://h", "credentials":{}}]}"#,
                "either 'file' or 'environment'"
            ),
            (
                #"{"origins": [{"id": "a", "kind": "directory", "path": "/x"}, "#
                    + #"{"id": "a", "kind": "directory", "path": "/y"}]}"#,
                "two origins with the id 'a'"
            ),
        ]
    )
    func flaws(json: String, part: String) {
        let error = #expect(throws: OriginConfigurationError.self) { try Self.read(json) }
        #expect(error?.message.contains(part) == true, "\(String(describing: error))")
        #expect(error?.message.contains("o.json") == true)
    }

    @Test("only what lies below a configured origin is allowed")
    func allowed() throws {
        let catalog = OriginCatalog(
            try Self.read(
                """
                {"origins": [{"id": "web", "kind": "http", "url": "http://host/models/"},
                             {"id": "s", "kind": "s3", "bucket": "b", "prefix": "p/"},
                             {"id": "d", "kind": "directory", "path": "/mnt"}]}
                """
            )
        )
        func path(_ text: String) -> String? {
            guard let location = try? OriginLocation(text),
                case .success(let (origin, path)) = catalog.match(location)
            else { return nil }
            return "\(origin.facts.id) \(path)"
        }
        #expect(path("http://host/models/a") == "web a/")
        #expect(path("web:a/b") == "web a/b/")
        #expect(path("s3://b/p/q") == "s q/")
        #expect(path("file:///mnt/x") == "d x/")
        for other in [
            "http://host/", "https://host/models/a", "http://host:81/models/a", "other",
            "s3://b/q", "s3://c/p/q", "file:///mnt2/x", "http://169.254.169.254/models/",
        ] {
            #expect(path(other) == nil, "\(other)")
        }
    }
}
