import Foundation

/// Being root for oneself: without rights, but with namespaces of users (user_namespaces(7)), a
/// program can be root of a network of its own.
package enum UserNamespace {
    private static let marker = "SHOAL_TESTNET_USER_NAMESPACE"

    /// Starts this program anew as root of namespaces of its own, with the same arguments, and does
    /// not return then. Returns when that is not needed or not allowed.
    ///
    /// The namespaces of users, mounts, networks and processes go with the program: whatever
    /// becomes of it, no process and no interface outlives it.
    package static func enterIfNeeded(program: String, arguments: [String]) async {
        let environment = ProcessInfo.processInfo.environment
        guard getuid() != 0, environment[marker] == nil else { return }
        let isolated = ["-Urnm", "--pid", "--fork", "--kill-child", "--mount-proc"]
        // A file system of our own at /run, since `ip netns` keeps its names there.
        let script = "mount -t tmpfs tmpfs /run && mkdir -p /run/netns && exec \"$0\" \"$@\""
        do {
            try await Shell.run("unshare", isolated + ["sh", "-euc", script, "ip", "netns"])
        } catch {
            return
        }
        setenv(marker, "1", 1)
        setenv("SHOAL_TESTNET_STATE", NetworkState.directory, 1)
        setenv(NetworkState.ownerVariable, "\(getpid())", 1)
        let command = ["unshare"] + isolated + ["sh", "-euc", script, program] + arguments
        var words = command.map { strdup($0) } + [nil]
        execvp("unshare", &words)
    }
}
