import AgentEvents

/// Decides when spans are sent: in batches, when there are enough for one or when the sink settles; again, with pauses, when
/// they were not taken. What comes while the queue is full is dropped, and counted.
///
/// ```
///              a batch, or settling              taken, refused
/// gathering ────────────────────────> sending ──────────────────> gathering
///     ^                                  │ not taken
///     └──── the time is over ── pausing <┘
/// ```
package struct SpanQueueStateMachine: Sendable {
    package struct Settings: Sendable {
        /// The spans of one request.
        package var batchCount = 512
        /// The most spans that wait, those that are being sent among them.
        package var maximumCount = 2048
        /// The bound of the pause after the first failure; it doubles with each further one.
        package var firstPause: Duration = .seconds(1)
        /// The largest bound of a pause, and the longest that a receiver may ask for.
        package var longestPause: Duration = .seconds(60)

        package init() {}
    }

    private enum Phase: Hashable {
        case gathering
        case sending(count: Int)
        case pausing(until: Duration)
    }

    private let settings: Settings
    private var spans = Deque<TraceSpan>()
    private var phase = Phase.gathering
    /// The number of failures since something was last taken.
    package private(set) var failures = 0
    /// The number of spans that were dropped because too many waited.
    package private(set) var droppedCount: Int64 = 0

    package init(_ settings: Settings = Settings()) { self.settings = settings }

    package var waitingCount: Int { spans.count }

    package mutating func add(_ new: [TraceSpan]) {
        for span in new {
            if spans.count < settings.maximumCount { spans.append(span) } else { droppedCount += 1 }
        }
    }

    /// - Parameters:
    ///   - now: on a clock that never goes backwards.
    ///   - isSettling: whether less than a batch is sent, too.
    /// - Returns: the spans to send now, and then ``didSend(_:at:jitter:)``; `nil` when there is nothing to send, or not
    ///   yet, or a request is under way.
    package mutating func next(at now: Duration, isSettling: Bool) -> [TraceSpan]? {
        switch phase {
        // Another task sends: a sink may be in two runtimes.
        case .sending: return nil
        case .pausing(let end) where now < end: return nil
        case .pausing, .gathering: break
        }
        guard !spans.isEmpty, isSettling || spans.count >= settings.batchCount else { return nil }
        let batch = Array(spans.prefix(settings.batchCount))
        phase = .sending(count: batch.count)
        return batch
    }

    /// - Parameter jitter: the part of its bound that a pause takes, from 0 to 1.
    package mutating func didSend(_ result: SpanExportResult, at now: Duration, jitter: Double) {
        guard case .sending(let count) = phase else { preconditionFailure("what was sent was given out") }
        switch result {
        case .taken, .refused:
            for _ in 0..<count { _ = spans.popFirst() }
            failures = 0
            phase = .gathering
        case .unavailable(_, let asked):
            failures += 1
            let pause = asked.flatMap { $0 > .zero ? $0 : nil } ?? bound * jitter
            phase = .pausing(until: now + min(pause, settings.longestPause))
        }
    }

    /// Removes spans that wait, those of a request that is under way among them: they are not sent again.
    package mutating func remove(where isRemoved: (TraceSpan) -> Bool) {
        if case .sending(let count) = phase {
            phase = .sending(count: spans.prefix(count).filter { !isRemoved($0) }.count)
        }
        var kept = Deque<TraceSpan>()
        kept.append(contentsOf: spans.filter { !isRemoved($0) })
        spans = kept
    }

    private var bound: Duration {
        var bound = settings.firstPause
        for _ in 1..<max(1, failures) where bound < settings.longestPause { bound *= 2 }
        return min(bound, settings.longestPause)
    }
}
