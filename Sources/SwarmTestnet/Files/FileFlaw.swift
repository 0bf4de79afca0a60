/// What is wrong with a topology or scenario file, and at which key.
package struct FileFlaw: Error, Hashable, CustomStringConvertible {
    package var file: String
    /// Path of the key, such as `domains[3].mbps`; empty for the file as a whole.
    package var key: String
    package var line: Int
    package var reason: String

    package var description: String {
        let place = key.isEmpty ? "\(file), line \(line)" : "\(file), line \(line), \(key)"
        return "\(place): \(reason)"
    }
}
