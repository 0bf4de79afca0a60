import Foundation

/// Large pages for the heap of a simulated fleet. Thousands of machines are gigabytes of small
/// objects that are met in no order, and with pages of 4 KiB a good part of the time goes into
/// finding where they are. glibc asks the kernel for large ones only when it is told to before the
/// program starts (The GNU C Library, "Memory Allocation Tunables": `glibc.malloc.hugetlb`).
enum HugePages {
    private static let variable = "GLIBC_TUNABLES"
    private static let tunable = "glibc.malloc.hugetlb"

    /// Starts this program anew with them and the same arguments, and does not return then. Returns
    /// when whoever started it has decided about them, and where it cannot be started anew: it is
    /// slower without.
    static func startWith() {
        let set = ProcessInfo.processInfo.environment[variable]
        guard set?.contains(tunable) != true else { return }
        setenv(variable, (set.map { $0 + ":" } ?? "") + tunable + "=1", 1)
        var words = CommandLine.arguments.map { strdup($0) } + [nil]
        // By its path where it has one still, for whoever lists processes.
        let link = "/proc/self/exe"
        let path = try? FileManager.default.destinationOfSymbolicLink(atPath: link)
        if let path { execv(path, &words) }
        execv(link, &words)
    }
}
