import Foundation

/// Standard error and what is known of the terminal behind it.
enum Terminal {
    /// Whether someone watches standard error. A dumb terminal cannot go back to the start of a
    /// line.
    static var isInteractive: Bool {
        isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    /// Columns of the terminal; 80 when it does not say.
    static var width: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Writes to standard error in one call, so that a line is never seen half-drawn.
    static func writeError(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    /// Writes a line to standard output at once, also into a pipe: what a script waits for.
    static func announce(_ line: String) {
        try? FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
    }

    /// Tells the user something that is not an error.
    static func note(_ text: String) { writeError("shoal: note: \(text)\n") }

    /// Text from outside without characters that move the cursor or change colours.
    static func safe(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }
            )
        )
    }
}
