/// How a version goes over the hosts of a channel: wave after wave, with gates between. Written
/// once when the rollout is created; nothing of it changes later.
package struct RolloutPlan: Hashable, Sendable, Codable {
    package var waves: [Wave]
    /// Most hosts of one rack (hosts of one locality) that may be out of service at once because of
    /// the rollout. Of a share, rounded down, and at least one.
    package var maxUnavailable: Amount
    /// The same of one region, where the plan says so: `regionLimit` is what holds.
    package var maxUnavailablePerRegion: Amount?
    /// The same of one cloud, where the plan says so: `cloudLimit` is what holds.
    package var maxUnavailablePerCloud: Amount?
    /// Activations that may fail before the rollout is aborted; 0 aborts at the first.
    package var failureBudget: Int
    /// Silent hosts that a wave does not wait for. More than these hold it up.
    package var deadHostsMax: Amount
    /// Without any host advancing for so long, the rollout is paused, or aborted.
    package var progressDeadlineSeconds: Int
    package var abortsAtDeadline: Bool
    /// Every host fetches from the beginning on, and not only those of the wave at hand: the swarm
    /// is larger and later waves wait less, and a version that turns out bad was fetched by all.
    package var stagesAll: Bool
    /// A return to the previous version switches all hosts at once, and does not keep to
    /// `maxUnavailable`.
    package var returnsAtOnce: Bool

    package struct Wave: Hashable, Sendable, Codable {
        package var hosts: Scope
        /// Passed one after the other once all hosts of the wave serve the version.
        package var gates: [Gate]

        package init(hosts: Scope, gates: [Gate] = []) {
            self.hosts = hosts
            self.gates = gates
        }
    }

    package static let waveCountMax = 16
    package static let gateCountMax = 8
    /// Longest soak, deadline and time limit of a probe, in seconds.
    package static let soakSecondsMax = 7 * 86_400
    package static let deadlineSecondsRange = 10...86_400
    package static let probeSecondsMax = 3600
    package static let textByteCountMax = 1024

    package init(waves: [Wave]) {
        self.waves = waves
        maxUnavailable = .percent(10)
        failureBudget = 0
        deadHostsMax = .percent(5)
        progressDeadlineSeconds = 600
        abortsAtDeadline = false
        stagesAll = true
        returnsAtOnce = false
    }

    /// One host, a quarter, all.
    package static let standard = RolloutPlan(waves: [
        Wave(hosts: .count(1)), Wave(hosts: .percent(25)), Wave(hosts: .percent(100)),
    ])

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            waves: try container.decodeIfPresent([Wave].self, forKey: .waves) ?? Self.standard.waves
        )
        func value<T: Decodable>(_ key: CodingKeys, _ fallback: T) throws -> T {
            try container.decodeIfPresent(T.self, forKey: key) ?? fallback
        }
        maxUnavailable = try value(.maxUnavailable, maxUnavailable)
        maxUnavailablePerRegion = try value(.maxUnavailablePerRegion, nil)
        maxUnavailablePerCloud = try value(.maxUnavailablePerCloud, nil)
        failureBudget = try value(.failureBudget, failureBudget)
        deadHostsMax = try value(.deadHostsMax, deadHostsMax)
        progressDeadlineSeconds = try value(.progressDeadlineSeconds, progressDeadlineSeconds)
        abortsAtDeadline = try value(.abortsAtDeadline, abortsAtDeadline)
        stagesAll = try value(.stagesAll, stagesAll)
        returnsAtOnce = try value(.returnsAtOnce, returnsAtOnce)
    }

    /// Most hosts of one region out of service at once; nil for as many as its racks allow.
    package var regionLimit: Amount? { maxUnavailablePerRegion ?? limitOfAllDomains }

    /// Most hosts of one cloud out of service at once; nil for as many as its racks allow.
    package var cloudLimit: Amount? { maxUnavailablePerCloud ?? limitOfAllDomains }

    /// A share is the same of a rack and of a cloud. A count is not: one host of each rack is meant
    /// by `1`, and not one of a whole cloud after the other.
    private var limitOfAllDomains: Amount? {
        switch maxUnavailable {
        case .percent: maxUnavailable
        case .count: nil
        }
    }

    /// What is wrong with it; nil when it can be carried out.
    package var flaw: String? {
        if waves.isEmpty || waves.count > Self.waveCountMax {
            return "a rollout has 1 to \(Self.waveCountMax) waves"
        }
        if failureBudget < 0 { return "the failure budget is a count, at least 0" }
        if !Self.deadlineSecondsRange.contains(progressDeadlineSeconds) {
            return "the progress deadline is \(Self.deadlineSecondsRange.lowerBound) to "
                + "\(Self.deadlineSecondsRange.upperBound) seconds"
        }
        for (index, wave) in waves.enumerated() {
            if wave.gates.count > Self.gateCountMax {
                return "wave \(index + 1) has more than \(Self.gateCountMax) gates"
            }
            for gate in wave.gates {
                if let flaw = gate.flaw { return "wave \(index + 1): \(flaw)" }
            }
        }
        return shrinkage
    }

    /// A wave that could never add a host to those before it.
    private var shrinkage: String? {
        var (counted, shared): (Int, Int) = (0, 0)
        for (index, wave) in waves.enumerated() {
            switch wave.hosts {
            case .count(let count) where count > counted: counted = count
            case .percent(let percent) where percent > shared: shared = percent
            case .selector: continue
            case .count, .percent:
                return "wave \(index + 1) is of \(wave.hosts) hosts and adds none to the waves "
                    + "before it; waves count all hosts up to and including them"
            }
        }
        return nil
    }
}

extension RolloutPlan.Wave {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        hosts = try container.decode(RolloutPlan.Scope.self, forKey: .hosts)
        gates = try container.decodeIfPresent([RolloutPlan.Gate].self, forKey: .gates) ?? []
    }
}

extension RolloutPlan {
    /// A count of hosts, or a share of them: `3`, `10%`.
    package enum Amount: Hashable, Sendable, CustomStringConvertible {
        case count(Int)
        case percent(Int)

        package init?(_ text: some StringProtocol) {
            if text.hasSuffix("%") {
                guard let percent = Int(text.dropLast()), (0...100).contains(percent) else {
                    return nil
                }
                self = .percent(percent)
            } else {
                guard let count = Int(text), (0...1_000_000).contains(count) else { return nil }
                self = .count(count)
            }
        }

        /// Of so many hosts, rounded down.
        package func of(_ total: Int) -> Int {
            switch self {
            case .count(let count): count
            case .percent(let percent): total * percent / 100
            }
        }

        package var description: String {
            switch self {
            case .count(let count): "\(count)"
            case .percent(let percent): "\(percent)%"
            }
        }
    }

    /// The hosts of a wave together with those of the waves before it: `1`, `25%`, or those that a
    /// selector selects besides. A share is rounded up.
    package enum Scope: Hashable, Sendable, CustomStringConvertible {
        case count(Int)
        case percent(Int)
        case selector(LabelSelector)

        /// `1`, `25%`, `all`, or a selector such as `pool=canary`.
        package init(_ text: some StringProtocol) throws(LabelFlaw) {
            // Spaces around it must not make a count the name of a label.
            let parts = text.split(separator: " ", omittingEmptySubsequences: true)
            let text = parts.count == 1 ? String(parts[0]) : String(text)
            if text == "all" {
                self = .percent(100)
                return
            }
            switch Amount(text) {
            case .count(let count)?: self = .count(count)
            case .percent(let percent)?: self = .percent(percent)
            case nil where text.hasSuffix("%"): throw .badShare(text)
            case nil: self = .selector(try LabelSelector(text))
            }
        }

        package var description: String {
            switch self {
            case .count(let count): "\(count)"
            case .percent(let percent): "\(percent)%"
            case .selector(let selector): "\(selector)"
            }
        }
    }

    /// What must be so before the next wave begins.
    package enum Gate: Hashable, Sendable, CustomStringConvertible {
        /// The wave serves for so many seconds, all of its hosts healthy.
        case soak(seconds: Int)
        /// Somebody says so.
        case approval
        /// A GET of the URL from the tracker answers with 200 to 299. Another status aborts the
        /// rollout; no answer pauses it.
        case http(url: String, timeoutSeconds: Int)
        /// The program of this name in the tracker's directory of gates ends with 0. Status 75
        /// (`EX_TEMPFAIL`) or no end in time pauses the rollout; another aborts it.
        case command(name: String, timeoutSeconds: Int)

        package static let timeoutSecondsDefault = 30

        package var description: String {
            switch self {
            case .soak(let seconds): "soak \(seconds) s"
            case .approval: "approval"
            case .http(let url, _): "http \(url)"
            case .command(let name, _): "command \(name)"
            }
        }

        var flaw: String? {
            switch self {
            case .soak(let seconds):
                return (0...RolloutPlan.soakSecondsMax).contains(seconds)
                    ? nil : "a soak lasts 0 to \(RolloutPlan.soakSecondsMax) seconds"
            case .approval: return nil
            case .http(let url, let timeout):
                let isURL = url.hasPrefix("http://") || url.hasPrefix("https://")
                guard isURL, url.utf8.count <= RolloutPlan.textByteCountMax else {
                    return "'\(url.prefix(72))' is no URL to probe; write http://HOST:PORT/PATH"
                }
                return Self.flaw(ofTimeout: timeout)
            case .command(let name, let timeout):
                guard LabelText.isName(name.utf8, more: "-_."), let first = name.utf8.first,
                    !LabelText.isMark(first), name.utf8.count <= LabelText.byteCountMax
                else {
                    return "'\(name.prefix(72))' is no name of a gate's program: letters, digits "
                        + "and - _ . only; put it into the tracker's directory of gates"
                }
                return Self.flaw(ofTimeout: timeout)
            }
        }

        private static func flaw(ofTimeout seconds: Int) -> String? {
            (1...RolloutPlan.probeSecondsMax).contains(seconds)
                ? nil : "a time limit is 1 to \(RolloutPlan.probeSecondsMax) seconds"
        }
    }
}

extension RolloutPlan.Amount: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let count = try? container.decode(Int.self), let amount = Self("\(count)") {
            self = amount
            return
        }
        guard let text = try? container.decode(String.self), let amount = Self(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "is no number of hosts; write a count, or a share such as \"10%\""
            )
        }
        self = amount
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension RolloutPlan.Scope: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let count = try? container.decode(Int.self), count >= 0 {
            self = .count(count)
            return
        }
        do {
            try self.init(container.decode(String.self))
        } catch let flaw as LabelFlaw {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(flaw)")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension RolloutPlan.Gate: Codable {
    private enum Kind: String, Codable { case soak, approval, http, command }
    private enum Keys: String, CodingKey { case kind, seconds, url, name, timeoutSeconds }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        func timeout() throws -> Int {
            try container.decodeIfPresent(Int.self, forKey: .timeoutSeconds)
                ?? Self.timeoutSecondsDefault
        }
        switch try container.decode(Kind.self, forKey: .kind) {
        case .soak: self = .soak(seconds: try container.decode(Int.self, forKey: .seconds))
        case .approval: self = .approval
        case .http:
            let url = try container.decode(String.self, forKey: .url)
            self = .http(url: url, timeoutSeconds: try timeout())
        case .command:
            let name = try container.decode(String.self, forKey: .name)
            self = .command(name: name, timeoutSeconds: try timeout())
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        switch self {
        case .soak(let seconds):
            try container.encode(Kind.soak, forKey: .kind)
            try container.encode(seconds, forKey: .seconds)
        case .approval: try container.encode(Kind.approval, forKey: .kind)
        case .http(let url, let timeout):
            try container.encode(Kind.http, forKey: .kind)
            try container.encode(url, forKey: .url)
            try container.encode(timeout, forKey: .timeoutSeconds)
        case .command(let name, let timeout):
            try container.encode(Kind.command, forKey: .kind)
            try container.encode(name, forKey: .name)
            try container.encode(timeout, forKey: .timeoutSeconds)
        }
    }
}
