/// A point in time in UTC, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// On the wire it is RFC 3339 with three fractional digits and `Z`: `2026-11-21T02:10:00.123Z`.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public var milliseconds: Int64

    /// - Parameter milliseconds: milliseconds since 1970-01-01T00:00:00Z.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    public static func < (one: Self, other: Self) -> Bool { one.milliseconds < other.milliseconds }

    /// The time from an earlier point to this one, in milliseconds; 0 when that point is not earlier.
    public func milliseconds(since earlier: Timestamp) -> Int64 { max(0, milliseconds - earlier.milliseconds) }
}
