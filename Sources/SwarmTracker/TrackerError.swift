/// Why a tracker daemon cannot run. The message names what is wrong and what to do about it.
package struct TrackerError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        case addressInUse
        /// The address cannot be listened on for another reason.
        case listenFailed
        case dataDirectory
        /// `catalog.sqlite` is damaged, in use, on a full disk, or otherwise of no use.
        case database
    }

    package var code: Code
    package var message: String

    package var description: String { message }
}
