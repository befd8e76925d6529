/// The rules of a time zone: how far its clocks are ahead of UTC.
package protocol ZoneRules: Sendable {
    /// The seconds by which the clocks of the zone are ahead of UTC at a time; below zero for behind. Called from any task; it
    /// does not block.
    ///
    /// - Parameter second: the time, in seconds since 1970 began in UTC.
    func offset(at second: Int64) -> Int64
}

/// Finds the rules of zones by their names.
package protocol ZoneSource: Sendable {
    /// - Parameter name: a name of the IANA time zone database, such as `Europe/Berlin`, or `UTC`.
    /// - Returns: `nil` for a name that is not known. It may read a small file.
    func rules(named name: String) -> (any ZoneRules)?
}

/// UTC, and no other zone. It takes no data of zones.
package struct UTCOnly: ZoneSource, ZoneRules {
    package init() {}
    package func rules(named name: String) -> (any ZoneRules)? { name == "UTC" || name == "Etc/UTC" ? self : nil }
    package func offset(at second: Int64) -> Int64 { 0 }
}

extension ZoneRules {
    /// The time at which the clocks of the zone show a local time. Of a local time that exists twice, because clocks are turned
    /// back, the first; for one that does not exist, because they are turned forward, the first time after the gap.
    ///
    /// Local times that follow each other give times that do not go backwards.
    ///
    /// - Parameter local: the local time, as seconds since the local 1970-01-01, 00:00.
    package func second(atLocal local: Int64) -> Int64 {
        // Clocks are never a day apart from UTC, so the turn that matters is between these two. No zone has two within two days.
        let (before, after) = (offset(at: local - 86_400), offset(at: local + 86_400))
        let (first, second) = (local - max(before, after), local - min(before, after))
        if offset(at: first) == local - first { return first }
        if offset(at: second) == local - second { return second }
        // It is in the gap: the moment at which the clocks are turned is between the two.
        var (low, high) = (first, second)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if middle + offset(at: middle) > local { high = middle } else { low = middle }
        }
        return high
    }
}

extension Int64 {
    /// The quotient and the rest, which is not below zero.
    func floored(by divisor: Int64) -> (quotient: Int64, rest: Int64) {
        let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
    }
}
