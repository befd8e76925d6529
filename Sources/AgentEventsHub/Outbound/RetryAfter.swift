package import AgentEvents

/// The value of the header `Retry-After` (RFC 9110, section 10.2.3): a number of seconds, or a date.
package enum RetryAfter {
    /// - Parameters:
    ///   - text: the value of the header.
    ///   - longest: the longest time that is believed.
    /// - Returns: the time to wait, zero for a date that has passed; `nil` for what is neither.
    package static func pause(_ text: String, now: Timestamp, longest: Duration) -> Duration? {
        if let seconds = Int64(text) {
            return seconds < 0 ? nil : min(.seconds(min(seconds, 86_400)), longest)
        }
        guard let date = timestamp(ofDate: text) else { return nil }
        return min(.milliseconds(max(0, date.milliseconds - now.milliseconds)), longest)
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the form that RFC 9110 prescribes.
    private static func timestamp(ofDate text: String) -> Timestamp? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])) else {
            return nil
        }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return Timestamp(rfc3339: "\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")
    }
}
