/// Why the laboratory cannot do what it was asked: what is wrong, and what helps.
package struct TestnetError: Error, Hashable, CustomStringConvertible {
    package var message: String
    package var remedy: String?

    package init(_ message: String, remedy: String? = nil) {
        self.message = message
        self.remedy = remedy
    }

    package var description: String {
        remedy.map { "\(message); \($0)" } ?? message
    }
}
