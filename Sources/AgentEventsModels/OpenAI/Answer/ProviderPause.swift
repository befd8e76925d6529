import AgentEvents
import AgentEventsHub
import NIOHTTP1

/// The time that a provider asks to wait: `retry-after-ms`, which OpenAI and others send, or `Retry-After`.
enum ProviderPause {
    /// The longest time that is believed: an hour.
    static let longest = Duration.seconds(3600)

    static func read(_ headers: HTTPHeaders, now: Timestamp) -> Duration? {
        if let milliseconds = headers.first(name: "retry-after-ms").flatMap({ Double($0) }), milliseconds >= 0 {
            return min(.milliseconds(min(milliseconds, 86_400_000)), longest)
        }
        guard let text = headers.first(name: "retry-after") else { return nil }
        // Some send parts of a second.
        if text.contains("."), let seconds = Double(text), seconds >= 0 {
            return min(.seconds(min(seconds, 86_400)), longest)
        }
        return RetryAfter.pause(text, now: now, longest: longest)
    }
}
