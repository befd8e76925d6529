import AgentEvents
import AgentEventsHub

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
        retryAfter.flatMap { RetryAfter.pause($0, now: now, longest: Self.longestPause) }
    }
}
