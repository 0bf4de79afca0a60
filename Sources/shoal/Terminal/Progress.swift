/// Shows on standard error how far a long piece of work has come: a line that redraws itself on a
/// terminal, otherwise a new line every few seconds, so that a log stays readable.
enum Progress {
    /// Between two drawings on a terminal, and between two lines elsewhere.
    private static let redrawInterval = Duration.milliseconds(200)
    private static let lineInterval = Duration.seconds(5)

    /// Runs `work` and draws `sample` beside it until it ends.
    static func showing<R: Sendable>(
        _ label: String,
        total: Int?,
        isQuiet: Bool,
        sample: @escaping @Sendable () async -> ProgressMeter.Sample,
        during work: () async throws -> R
    ) async throws -> R {
        if isQuiet { return try await work() }
        let isInteractive = Terminal.isInteractive
        defer { if isInteractive { Terminal.writeError("\r\u{1B}[K") } }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await draw(label, total, isInteractive, sample) }
            defer { group.cancelAll() }
            return try await work()
        }
    }

    /// Draws until the task is cancelled.
    private static func draw(
        _ label: String,
        _ total: Int?,
        _ isInteractive: Bool,
        _ sample: @Sendable () async -> ProgressMeter.Sample
    ) async {
        let clock = ContinuousClock()
        let start = clock.now
        var meter = ProgressMeter(label: label, total: total)
        meter.add(await sample(), at: .zero)
        let interval = isInteractive ? redrawInterval : lineInterval
        while (try? await clock.sleep(for: interval)) != nil {
            meter.add(await sample(), at: clock.now - start)
            if isInteractive {
                // The last column stays free: some terminals wrap when it is written to.
                Terminal.writeError("\r\(meter.line(width: Terminal.width - 1))\u{1B}[K")
            } else {
                Terminal.writeError(meter.line(width: 100) + "\n")
            }
        }
    }
}
