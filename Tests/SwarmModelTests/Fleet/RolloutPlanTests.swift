import Foundation
import SwarmModel
import Testing

@Suite("Plans of rollouts")
struct RolloutPlanTests {
    private static func plan(_ json: String) throws -> RolloutPlan {
        try JSONDecoder().decode(RolloutPlan.self, from: Data(json.utf8))
    }

    @Test("a plan survives JSON with all that it says")
    func roundTrip() throws {
        var plan = RolloutPlan(waves: [
            RolloutPlan.Wave(
                hosts: .count(1),
                gates: [
                    .soak(seconds: 5), .approval, .http(url: "http://x/", timeoutSeconds: 3),
                    .command(name: "smoke", timeoutSeconds: 9),
                ]
            ),
            RolloutPlan.Wave(hosts: .selector(try LabelSelector("pool in (a,b)"))),
            RolloutPlan.Wave(hosts: .percent(100)),
        ])
        plan.maxUnavailable = .count(3)
        plan.maxUnavailablePerRegion = .percent(7)
        plan.maxUnavailablePerCloud = .count(40)
        plan.failureBudget = 2
        plan.stagesAll = false
        plan.abortsAtDeadline = true
        plan.returnsAtOnce = true
        let data = try JSONEncoder().encode(plan)
        #expect(try JSONDecoder().decode(RolloutPlan.self, from: data) == plan)
        #expect(plan.flaw == nil)
    }

    @Test("what is left out is as in the standard plan")
    func defaults() throws {
        #expect(try Self.plan("{}") == .standard)
        let plan = try Self.plan(#"{"waves": [{"hosts": "all"}], "maxUnavailable": 2}"#)
        #expect(plan.waves == [RolloutPlan.Wave(hosts: .percent(100))])
        #expect(plan.maxUnavailable == .count(2))
        #expect(plan.progressDeadlineSeconds == 600)
    }

    @Test("a share bounds regions and clouds too, a count does not; what is said of them counts")
    func limits() {
        var plan = RolloutPlan.standard
        #expect(plan.regionLimit == .percent(10) && plan.cloudLimit == .percent(10))
        plan.maxUnavailable = .count(1)
        #expect(plan.regionLimit == nil && plan.cloudLimit == nil)
        plan.maxUnavailablePerCloud = .count(3)
        #expect(plan.regionLimit == nil && plan.cloudLimit == .count(3))
        plan.maxUnavailable = .percent(20)
        #expect(plan.regionLimit == .percent(20) && plan.cloudLimit == .count(3))
    }

    @Test(
        "bad plans say what is wrong",
        arguments: [
            #"{"waves": []}"#, #"{"failureBudget": -1}"#, #"{"progressDeadlineSeconds": 1}"#,
            #"{"waves": [{"hosts": 1, "gates": [{"kind": "soak", "seconds": -1}]}]}"#,
            #"{"waves": [{"hosts": 1, "gates": [{"kind": "http", "url": "file:///etc"}]}]}"#,
            #"{"waves": [{"hosts": 1, "gates": [{"kind": "command", "name": "../x"}]}]}"#,
            #"{"waves": [{"hosts": 1, "gates": [{"kind": "command", "name": ""}]}]}"#,
            #"""
            {"waves": [{"hosts": 1, "gates":
              [{"kind": "http", "url": "http://x", "timeoutSeconds": 0}]}]}
            """#,
        ]
    )
    func flaws(json: String) throws {
        #expect(try Self.plan(json).flaw?.isEmpty == false)
    }

    @Test(
        "waves that do not add up are refused, whatever the fleet",
        arguments: [
            "5, 2, \"100%\"", "\"50%\", \"25%\", \"100%\"", "1, 1, \"100%\"", "0, \"100%\"",
            "\"0%\", \"100%\"", "\"100%\", \"100%\"", "3, \"pool=a\", 3, \"100%\"",
        ]
    )
    func shrinkage(waves: String) throws {
        let list = waves.split(separator: ", ").map { #"{"hosts": \#($0)}"# }
        let flaw = try Self.plan(#"{"waves": [\#(list.joined(separator: ","))]}"#).flaw
        #expect(flaw?.contains("adds none to the waves before it") == true)
    }

    @Test("counts, shares and selectors may take turns")
    func growth() throws {
        let waves = ["1", "\"pool=a\"", "\"5%\"", "10", "\"100%\""].map { #"{"hosts": \#($0)}"# }
        #expect(try Self.plan(#"{"waves": [\#(waves.joined(separator: ","))]}"#).flaw == nil)
    }

    @Test("a share above all is no label")
    func badShare() {
        #expect(throws: LabelFlaw.badShare("120%")) { try RolloutPlan.Scope("120%") }
    }

    @Test(
        "what is no plan",
        arguments: [
            #"{"maxUnavailable": "many"}"#, #"{"maxUnavailable": "101%"}"#,
            #"{"maxUnavailable": -1}"#, #"{"waves": [{"hosts": "a=,"}]}"#, #"{"waves": [{}]}"#,
            #"{"waves": [{"hosts": -1}]}"#, #"{"maxUnavailablePerCloud": "x"}"#,
            #"{"waves": [{"hosts": 1, "gates": [{"kind": "prayer"}]}]}"#,
        ]
    )
    func unreadable(json: String) {
        #expect(throws: DecodingError.self) { try Self.plan(json) }
    }

    @Test("spaces around a count do not make it the name of a label")
    func spaces() throws {
        #expect(try RolloutPlan.Scope(" 5") == .count(5))
        #expect(try RolloutPlan.Scope("25% ") == .percent(25))
        #expect(try RolloutPlan.Scope(" all ") == .percent(100))
        #expect(try RolloutPlan.Scope(" pool in (a) ") == .selector(LabelSelector("pool=a")))
    }

    @Test("shares of hosts are rounded down")
    func amounts() {
        #expect(RolloutPlan.Amount.percent(10).of(39) == 3)
        #expect(RolloutPlan.Amount.percent(100).of(7) == 7)
        #expect(RolloutPlan.Amount.count(2).of(1) == 2)
        #expect(RolloutPlan.Amount("10%")?.description == "10%")
        #expect(RolloutPlan.Amount("x") == nil)
    }

    @Test("a report says what is wrong with it")
    func reports() throws {
        let name = try ModelName("a/b")
        let zero = InfoHash(.zero)
        func report(_ version: HostReport.Version, count: Int = 1) throws -> HostReport {
            let model = HostReport.Model(
                name: name,
                active: nil,
                isHealthy: nil,
                fence: .zero,
                failure: nil,
                versions: Array(repeating: version, count: count)
            )
            return HostReport(
                host: try HostName("h"),
                locality: .unknown,
                labels: .none,
                generation: 0,
                models: [model],
                disk: nil
            )
        }
        let good = HostReport.Version(
            version: "1",
            infoHash: zero,
            stage: .fetching,
            pieceCount: 2,
            piecesHeld: 1,
            byteCount: 2,
            bytesHeld: 2,
            problem: nil
        )
        #expect(try report(good).flaw == nil)
        #expect(try report(good, count: HostReport.versionCountMax + 1).flaw != nil)
        var bad = good
        bad.piecesHeld = 3
        #expect(try report(bad).flaw != nil)
        bad = good
        bad.pieceCount = .max
        #expect(try report(bad).flaw != nil)
        bad = good
        bad.pieceCount = -1
        #expect(try report(bad).flaw != nil)
        bad = good
        bad.problem = String(repeating: "x", count: HostReport.textByteCountMax + 1)
        #expect(try report(bad).flaw != nil)
        var twice = try report(good)
        twice.models += twice.models
        #expect(twice.flaw != nil)
    }
}
