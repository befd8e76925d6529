import AgentEvents
import AgentEventsProtocol

/// Counts the commands of one connection: so many within a second are enough for people.
struct CommandLimit {
    static let windowMilliseconds: Int64 = 1000

    let maximumCount: Int
    private var windowStart: Int64?
    private var count = 0

    init(maximumCount: Int) { self.maximumCount = maximumCount }

    /// - Parameter now: milliseconds of a clock that does not go backwards.
    /// - Returns: why the command is not carried out; `nil` when it is.
    mutating func record(at now: Int64, in thread: ThreadID) -> ProtocolError? {
        if let start = windowStart, now - start < Self.windowMilliseconds {
            guard count < maximumCount else {
                return ProtocolError(
                    .tooManyCommands,
                    "a connection gives at most \(maximumCount) commands a second; send it again later",
                    isRetryable: true, retryAfterMilliseconds: start + Self.windowMilliseconds - now, threadID: thread)
            }
            count += 1
        } else {
            windowStart = now
            count = 1
        }
        return nil
    }
}
