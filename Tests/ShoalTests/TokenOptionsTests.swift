import Testing

@testable import shoal

@Suite("The tracker's token")
struct TokenOptionsTests {
    private static func options(_ flag: String?) -> TokenOptions {
        var options = TokenOptions()
        options.token = flag
        return options
    }

    @Test("the flag counts before the environment, and none is none")
    func precedence() throws {
        let environment = ["SHOAL_TOKEN": "of the environment"]
        for (flag, expected) in [("of the flag", "of the flag"), (nil, "of the environment")] {
            #expect(Self.options(flag).value(environment: environment) == expected)
            #expect(try Self.options(flag).demanded(environment: environment) == expected)
        }
        #expect(Self.options(nil).value(environment: [:]) == nil)
        #expect(try Self.options(nil).demanded(environment: [:]) == nil)
    }

    @Test(
        "a tracker does not start with an empty one, which nobody could show",
        arguments: ["", " \n"]
    )
    func empty(token: String) {
        let ofEnvironment = #expect(throws: CommandFailure.self) {
            try Self.options(nil).demanded(environment: ["SHOAL_TOKEN": token])
        }
        #expect(ofEnvironment?.status == .usage)
        #expect(ofEnvironment?.description.contains("SHOAL_TOKEN is set, and empty") == true)
        #expect(ofEnvironment?.description.contains("unset it") == true)
        let ofFlag = #expect(throws: CommandFailure.self) {
            try Self.options(token).demanded(environment: [:])
        }
        #expect(ofFlag?.description.contains("--token is set, and empty") == true)
    }

    @Test("to whoever talks to a tracker an empty one is none")
    func emptyOfClient() {
        #expect(Self.options(nil).value(environment: ["SHOAL_TOKEN": ""]) == nil)
    }
}
