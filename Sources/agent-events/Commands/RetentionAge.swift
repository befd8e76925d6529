internal import ArgumentParser

/// Reads an age: a whole number and a unit.
enum RetentionAge {
    private static let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    /// A hundred years.
    private static let maximumSeconds: Int64 = 100 * 366 * 86_400

    static func read(_ text: String) throws -> Duration {
        guard let seconds = seconds(text) else {
            throw ValidationError("an age is a number from 1 and s, m, h or d: 90s, 15m, 12h, 30d; not \(text)")
        }
        return .seconds(seconds)
    }

    /// - Returns: `nil` when it is no age, or one of more than a hundred years.
    static func seconds(_ text: String) -> Int64? {
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), count > 0,
            count <= maximumSeconds / unit
        else { return nil }
        return count * unit
    }
}
