#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How many files and connections the process may have open.
enum DescriptorLimit {
    /// More are of no use to one service.
    private static let useful: rlim_t = 1 << 20

    /// Raises the limit to what the system allows.
    ///
    /// - Returns: the limit; `nil` when the system does not say.
    static func raised() -> Int? {
        #if canImport(Darwin) || canImport(Musl)
            let resource = RLIMIT_NOFILE
        #else
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #endif
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return nil }
        var wanted = limit
        wanted.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, useful))
        // Where it cannot be raised, it stays.
        if setrlimit(resource, &wanted) == 0 { limit = wanted }
        return Int(clamping: limit.rlim_cur)
    }
}
