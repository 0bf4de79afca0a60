import SwarmModel
import Testing

@Suite("TransportPolicy")
struct TransportPolicyTests {
    private func flaw(_ text: String) -> TransportPolicy.Flaw? {
        do throws(TransportPolicy.Flaw) {
            _ = try TransportPolicy(text)
            return nil
        } catch {
            return error
        }
    }

    @Test("what is demanded of one level is demanded of every farther one")
    func thresholds() throws {
        let expected: [(String, [LinkProtection])] = [
            ("otherCloud=tls", [.plain, .plain, .plain, .tls]),
            ("otherCloud=tls,cloud=tls", [.plain, .plain, .tls, .tls]),
            ("cloud=tls", [.plain, .plain, .tls, .tls]),
            ("rack=plain,region=tls", [.plain, .tls, .tls, .tls]),
            ("rack=tls", [.tls, .tls, .tls, .tls]),
            ("rack=plain", [.plain, .plain, .plain, .plain]),
            ("region=plain, cloud=tls", [.plain, .plain, .tls, .tls]),
        ]
        for (text, protections) in expected {
            let policy = try TransportPolicy(text)
            let found = TransportPolicy.levels.map { policy.protection(at: $0) }
            #expect(found == protections, "\(text)")
            #expect(policy.protection(at: .unknown) == protections[3], "\(text)")
            #expect(policy.allowsPlain == (protections[0] == .plain))
            #expect(policy.demandsTLS == protections.contains(.tls))
            #expect(try TransportPolicy(policy.description) == policy)
        }
    }

    @Test("by default nothing is demanded")
    func plain() {
        #expect(
            TransportPolicy.plain.description
                == "rack=plain,region=plain,cloud=plain,otherCloud=plain"
        )
        #expect(!TransportPolicy.plain.demandsTLS)
        #expect(TransportPolicy.plain.allowsPlain)
    }

    @Test("flaws are named")
    func flaws() {
        #expect(flaw("") == .notAPair(""))
        #expect(flaw("tls") == .notAPair("tls"))
        #expect(flaw("rack=tls,") == .notAPair(""))
        #expect(flaw("rack=tls=tls") == .notAPair("rack=tls=tls"))
        #expect(flaw("unknown=tls") == .unknownLevel("unknown"))
        #expect(flaw("Rack=tls") == .unknownLevel("Rack"))
        #expect(flaw("rack=ssl") == .unknownProtection("ssl"))
        #expect(flaw("rack=") == .unknownProtection(""))
        #expect(flaw("rack=tls,rack=plain") == .namedTwice(.rack))
        #expect(
            flaw("rack=tls,otherCloud=plain") == .weakerFartherOut(near: .rack, far: .otherCloud)
        )
    }
}
