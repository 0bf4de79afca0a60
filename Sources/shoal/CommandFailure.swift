/// Why a command ends without success: what happened, what the user can do about it, and the exit
/// status.
struct CommandFailure: Error, Hashable, CustomStringConvertible {
    let status: ExitStatus
    /// Names the file, peer or setting.
    let message: String
    /// What to do, as an imperative; nil when there is nothing better than to read the message.
    let remedy: String?

    init(_ status: ExitStatus, _ message: String, remedy: String? = nil) {
        self.status = status
        self.message = message
        self.remedy = remedy
    }

    static let interrupted = CommandFailure(
        .interrupted,
        "interrupted",
        remedy: "run the same command again"
    )

    /// The lines for standard error.
    var description: String {
        let remedy = remedy.map { "\nshoal: try: \($0)" } ?? ""
        return "shoal: error: \(message)" + remedy
    }
}
