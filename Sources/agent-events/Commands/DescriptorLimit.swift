#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The number of files and connections that the process may have open.
package enum DescriptorLimit {
    /// More are of no use to one service.
    private static let useful: UInt64 = 1 << 20

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
        let raised = raised(from: UInt64(limit.rlim_cur), upTo: UInt64(limit.rlim_max)) { current in
            var wanted = limit
            wanted.rlim_cur = rlim_t(current)
            return setrlimit(resource, &wanted) == 0
        }
        return Int(clamping: raised)
    }

    /// The hard limit is not all that counts: some systems name one that they do not grant, Darwin none at all, of
    /// which it grants what it finds fit. So less is tried as long as the system refuses, but at least half of what it
    /// grants is reached.
    ///
    /// - Parameter set: asks for a limit, and tells whether it was granted.
    /// - Returns: the limit; the one there was when nothing above it is granted.
    package static func raised(from current: UInt64, upTo maximum: UInt64, set: (UInt64) -> Bool) -> UInt64 {
        var wanted = min(maximum, useful)
        while wanted > current {
            if set(wanted) { return wanted }
            #if canImport(Darwin)
                // What is granted wherever the hard limit is not below it (setrlimit(2)).
                let certain = UInt64(OPEN_MAX)
                wanted = wanted > certain ? max(wanted / 2, certain) : wanted / 2
            #else
                wanted /= 2
            #endif
        }
        return current
    }
}
