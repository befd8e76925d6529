import AgentEvents

/// The answer of a receiver to a batch.
struct WebhookAnswer: Hashable, Sendable {
    /// The longest time that a receiver may ask for.
    static let longestPause = Duration.seconds(3600)

    var status: Int
    /// The value of `Retry-After`: seconds, or a date.
    var retryAfter: String?
    /// The value of `Location`.
    var location: String?

    var isTaken: Bool { 200..<300 ~= status }

    /// The advice for a batch that was not taken. An answer that blames the request may come from a receiver that is
    /// itself at fault: one that is being deployed answers 404 to everything. Only 410 says that it is permanent.
    func advice(now: Timestamp) -> SinkRetryAdvice {
        switch status {
        case 410: .stop
        case 429, 503: pause(now: now).map { .after($0) } ?? .asUsual
        default: .asUsual
        }
    }

    /// The problem in words for people: with the target of a redirect, but without its query, which may hold a secret.
    var problem: String {
        switch (status, location) {
        case (410, _): "the receiver answered with 410: it is gone for good"
        case (300..<400, let location?):
            "the receiver answered with \(status), which is not followed; it points to \(Self.shown(location))"
        default: "the receiver answered with \(status)"
        }
    }

    /// An address without its query, fragment and credentials, and not too long for a line.
    static func shown(_ address: String) -> String {
        var shown = address.prefix { $0 != "?" && $0 != "#" }.prefix(200)
        let parts = shown.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        if parts.count > 2, parts[1].isEmpty, let at = parts[2].lastIndex(of: "@") {
            shown.removeSubrange(parts[2].startIndex...at)
        }
        return String(shown)
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
