internal import ArgumentParser

/// Reads an age: a whole number and a unit.
enum RetentionAge {
    /// A hundred years.
    private static let maximumSeconds: Int64 = 100 * 366 * 86_400

    static func read(_ text: String) throws -> Duration {
        guard let seconds = TimeSpan.seconds(text), seconds > 0, seconds <= maximumSeconds else {
            throw ValidationError("an age is a number from 1 and s, m, h or d: 90s, 15m, 12h, 30d; not \(text)")
        }
        return .seconds(seconds)
    }
}

/// A whole number and a unit.
enum TimeSpan {
    private static let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]

    /// The shortest way to write it.
    static func text(_ seconds: Int64) -> String {
        for unit in ["d", "h", "m"] as [Character] {
            if let length = units[unit], seconds > 0, seconds % length == 0 { return "\(seconds / length)\(unit)" }
        }
        return "\(seconds)s"
    }

    /// - Returns: `nil` for anything else.
    static func seconds(_ text: String) -> Int64? {
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), count >= 0 else {
            return nil
        }
        let (seconds, overflows) = count.multipliedReportingOverflow(by: unit)
        return overflows ? nil : seconds
    }
}

/// Reads how long nothing may come for a run that a program outside emits.
enum EmittedRunTimeout {
    static func read(_ text: String) throws -> Duration {
        guard let seconds = TimeSpan.seconds(text) ?? Int64(text), (1...86_400).contains(seconds) else {
            throw ValidationError(
                "the time is a number of seconds, or one with s, m, h or d, from 1s to 24h: 90, 90s, 15m, 2h, 1d; "
                    + "not \(text)")
        }
        return .seconds(seconds)
    }
}
