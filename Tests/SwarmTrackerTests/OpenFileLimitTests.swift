import SwarmRuntime
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite("Open files")
struct OpenFileLimitTests {
    #if canImport(Glibc)
        private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
        private static let resource = RLIMIT_NOFILE
    #endif

    @Test("the limit is raised as far as the process may")
    func raised() throws {
        var limit = rlimit()
        try #require(getrlimit(Self.resource, &limit) == 0)
        let hard = limit.rlim_max
        // Above what other tests of this process need.
        limit.rlim_cur = min(hard, 4096)
        try #require(setrlimit(Self.resource, &limit) == 0)
        #expect(OpenFileLimit.raise() == Int(clamping: hard))
        try #require(getrlimit(Self.resource, &limit) == 0)
        #expect(limit.rlim_cur == hard)
    }
}
