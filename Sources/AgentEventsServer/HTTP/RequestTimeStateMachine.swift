/// Decides when a request takes too long to come: its head has a time, and its body has a time that grows with what has come
/// of it. Without that, a client that sends a byte a minute would keep its connection, and what it has sent, for days.
///
///     idle ── bytes without a head ──> head ── head whole ──> body ── body whole ──> idle
///                                        └────── time is over ──┴──> timed out
///
/// The time in which nothing is read from the client does not count: it is not the client's.
package struct RequestTimeStateMachine: Equatable {
    package struct Limits: Equatable, Sendable {
        /// The time for a head, in milliseconds.
        package var head: Int64 = 10_000
        /// The time for a body of no size, in milliseconds.
        package var body: Int64 = 30_000
        /// The bytes of a body for which a client gets another second.
        package var bytesPerSecond = 16 * 1024

        package init() {}

        /// The time for a body of which this much has come, in milliseconds.
        package func body(byteCount: Int) -> Int64 { body + Int64(byteCount) * 1000 / Int64(bytesPerSecond) }
    }

    private enum State: Equatable {
        /// Between two requests.
        case idle
        /// A head has begun.
        case head(since: Int64)
        case body(since: Int64, byteCount: Int)
        /// The client waits for a word before it sends the body.
        case awaitingWord
        case timedOut
    }

    private let limits: Limits
    private var state = State.idle
    /// Whether a part of a request has come since bytes were last waited for.
    private var hasReceivedPart = false
    /// Since when nothing is read; `nil` while something is.
    private var unreadSince: Int64?

    package init(_ limits: Limits = Limits()) { self.limits = limits }

    /// The time at which the request is too late, in milliseconds; `nil` when none is waited for.
    package var deadline: Int64? {
        switch state {
        case .idle, .awaitingWord, .timedOut: nil
        case .head(let since): since + limits.head
        case .body(let since, let byteCount): since + limits.body(byteCount: byteCount)
        }
    }

    /// A head is whole.
    ///
    /// - Parameter awaitsWord: whether the client sends the body when it is told to.
    package mutating func receivedHead(awaitsWord: Bool, at now: Int64) {
        hasReceivedPart = true
        guard state != .timedOut else { return }
        state = awaitsWord ? .awaitingWord : .body(since: now, byteCount: 0)
    }

    package mutating func receivedBody(byteCount: Int, at now: Int64) {
        hasReceivedPart = true
        switch state {
        case .awaitingWord: state = .body(since: now, byteCount: byteCount)
        case .body(let since, let earlier): state = .body(since: since, byteCount: earlier + byteCount)
        case .idle, .head, .timedOut: break
        }
    }

    package mutating func receivedEnd() {
        hasReceivedPart = true
        if state != .timedOut { state = .idle }
    }

    /// The client is told to send the body.
    package mutating func gaveWord(at now: Int64) {
        if state == .awaitingWord { state = .body(since: now, byteCount: 0) }
    }

    /// All bytes that had come are looked at.
    package mutating func readComplete(at now: Int64) {
        if state == .idle, !hasReceivedPart { state = .head(since: now) }
        hasReceivedPart = false
        unreadSince = now
    }

    /// Bytes are waited for.
    package mutating func reads(at now: Int64) {
        guard let unreadSince else { return }
        self.unreadSince = nil
        let pause = now - unreadSince
        switch state {
        case .head(let since): state = .head(since: since + pause)
        case .body(let since, let byteCount): state = .body(since: since + pause, byteCount: byteCount)
        case .idle, .awaitingWord, .timedOut: break
        }
    }

    /// The client sends nothing further.
    package mutating func inputClosed() {
        if case .head = state { state = .idle }
        hasReceivedPart = true
    }

    package enum DeadlineAction: Equatable {
        case none
        /// Look again at that time.
        case wait(until: Int64)
        case timeOut
    }

    /// The deadline that was known has come.
    package mutating func deadlinePassed(at now: Int64) -> DeadlineAction {
        guard let deadline else { return .none }
        // What is not read is not waited for.
        guard unreadSince == nil else { return .wait(until: now + limits.head) }
        guard now >= deadline else { return .wait(until: deadline) }
        state = .timedOut
        return .timeOut
    }
}
