import AgentEvents

/// What a receiver's answer says about the batch.
struct WebhookAnswer: Hashable, Sendable {
    /// The longest time that a receiver may ask for.
    static let longestPause = Duration.seconds(3600)

    var status: Int
    /// The value of `Retry-After`: seconds, or a date.
    var retryAfter: String?

    var isTaken: Bool { 200..<300 ~= status }

    /// What to do with a batch that was not taken. A status that says that the request is wrong will not change; one that
    /// says that the receiver is in trouble, or busy, may.
    func advice(now: Timestamp) -> SinkRetryAdvice {
        switch status {
        case 429, 503: pause(now: now).map { .after($0) } ?? .asUsual
        case 408, 425, 500...: .asUsual
        default: .never
        }
    }

    private func pause(now: Timestamp) -> Duration? {
        guard let retryAfter else { return nil }
        if let seconds = Int64(retryAfter) {
            return seconds < 0 ? nil : min(.seconds(min(seconds, 86_400)), Self.longestPause)
        }
        guard let date = Self.timestamp(ofDate: retryAfter) else { return nil }
        return min(.milliseconds(max(0, date.milliseconds - now.milliseconds)), Self.longestPause)
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
