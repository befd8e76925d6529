package import AgentEvents
package import AgentEventsProtocol

/// Decides how a feed of events gets into the log, each event once and in order, whatever happens to the connections.
///
///     idle -> connecting -> open -> apart -> connecting …     (`over` from anywhere)
///
/// One request is on its way at a time, so that nothing is logged after what was refused. A request without an answer
/// is kept, and sent again on the next connection under the same key with the same events. Between two connections the
/// feed rests while there is nothing to send, and the time until it gives up counts only while there is.
package struct EmitStateMachine: Sendable {
    package enum Phase: Hashable, Sendable, CaseIterable {
        /// No connection was tried.
        case idle
        /// A connection is being opened, or was not greeted yet.
        case connecting
        /// Greeted.
        case open
        /// Between two connections.
        case apart
        /// Everything is committed, or nothing further will be.
        case over
    }

    private let configuration: EmitConfiguration
    package private(set) var phase = Phase.idle
    package private(set) var progress = EmitProgress()
    /// The reason of the end, once it is over; `nil` when everything is committed.
    package private(set) var failure: EmitFailure?
    private var limits = EmitLimits()
    /// Taken, and in no request yet.
    private var waiting: [EmitItem] = []
    private var waitingByteCount = 0
    private var batch: EmitBatch?
    /// Whether cursors were handed out that are not reported yet. Nothing else happens before.
    private var isReporting = false
    /// The refusal of an event after the batch: reported once the batch is committed.
    private var refusedNext: EmitFailure?
    private var hasInputEnded = false
    private var hasConnected = false
    private var lastRequest: Int64 = 0
    /// Attempts in a row with no commit in between that ended badly.
    private var failures = 0
    /// The time since which events wait for a service; `nil` while none do, or commits are made.
    private var waitingSince: Duration?
    /// The next connection is not opened before.
    private var notBefore: Duration = .zero
    /// The pause that a draining service asked for.
    private var drainPause: Duration?
    private var giveUpTimeout: Duration
    /// Whether somebody wanted to leave.
    package private(set) var isInterrupted = false

    package init(_ configuration: EmitConfiguration) {
        self.configuration = configuration
        giveUpTimeout = configuration.giveUpTimeout
    }

    // MARK: Input

    /// Whether no further event may be offered.
    package var isFull: Bool {
        waiting.count >= max(1, configuration.maximumBatchCount) || waitingByteCount >= configuration.readAheadByteCount
    }

    private var isOutstanding: Bool { batch != nil || !waiting.isEmpty }

    /// There is an event to emit. At the end of a feed it is dropped.
    ///
    /// - Parameter now: the time on a clock that never goes back.
    package mutating func offer(_ item: EmitItem, now: Duration) {
        guard phase != .over, !hasInputEnded else { return }
        waiting.append(item)
        waitingByteCount += item.bytes.count
        if phase == .apart, waitingSince == nil { waitingSince = now }
    }

    /// There will be no further event.
    package mutating func endInput() {
        hasInputEnded = true
        endIfDone()
    }

    /// Somebody wants to leave: without a connection the feed stays only for a moment from now on.
    package mutating func interrupt(now: Duration) {
        isInterrupted = true
        let waited = waitingSince.map { now - $0 } ?? .zero
        giveUpTimeout = min(giveUpTimeout, waited + configuration.interruptedTimeout)
    }

    private mutating func endIfDone() {
        if phase != .over, hasConnected, hasInputEnded, !isOutstanding, !isReporting { phase = .over }
    }

    // MARK: Connections

    package enum NextAction: Hashable, Sendable {
        /// Open a connection; ``welcome(_:)`` or ``disconnected(_:now:random:)`` comes next.
        case connect
        /// Ask again after this time, or when something was put in.
        case pause(Duration)
        /// Ask again when something was put in.
        case rest
        /// There is nothing more to do.
        case stop
    }

    /// Asked while there is no connection.
    package mutating func next(now: Duration) -> NextAction {
        endIfDone()
        switch phase {
        case .over:
            return .stop
        case .connecting, .open:
            preconditionFailure("one connection at a time")
        case .idle:
            // The first connection is opened with nothing to send, too: it tells a wrong address at once.
            if waitingSince == nil { waitingSince = now }
        case .apart:
            guard isOutstanding || !hasConnected else { return .rest }
        }
        // The last attempt is made when the time is over, also when the service asked for a longer pause.
        let due = waitingSince.map { min(notBefore, $0 + giveUpTimeout) } ?? notBefore
        if due > now { return .pause(due - now) }
        phase = .connecting
        return .connect
    }

    /// The service greeted.
    package mutating func welcome(_ limits: EmitLimits) {
        guard phase == .connecting else { return }
        phase = .open
        hasConnected = true
        self.limits = limits
        if !isOutstanding { waitingSince = nil }
        endIfDone()
    }

    /// The service will close the connection soon.
    ///
    /// - Parameter time: how long to stay away after that.
    package mutating func drain(for time: Duration) {
        switch phase {
        case .connecting, .open: drainPause = max(.zero, time)
        case .idle, .apart, .over: break
        }
    }

    package enum DisconnectAction: Hashable, Sendable {
        /// Another connection will be opened.
        ///
        /// - Parameter isNews: whether something was committed since the last failure.
        case retry(isNews: Bool)
        /// The feed is over.
        case stop
    }

    /// The connection ended, or could not be opened.
    ///
    /// - Parameter random: 0 up to, not including, 1.
    package mutating func disconnected(
        _ error: AgentEventsClientError,
        now: Duration,
        random: Double
    ) -> DisconnectAction {
        switch phase {
        case .over: return .stop
        case .idle, .apart: preconditionFailure("there is no connection")
        case .connecting, .open: break
        }
        phase = .apart
        batch?.request = nil
        failures += 1
        if isOutstanding || !hasConnected, waitingSince == nil { waitingSince = now }
        guard isWorthRetrying(error), hasConnected || configuration.waitsForFirstConnection else {
            fail(.unavailable(error, after: nil))
            return .stop
        }
        if let waitingSince, now - waitingSince >= giveUpTimeout {
            fail(.unavailable(error, after: now - waitingSince))
            return .stop
        }
        // The service spreads its clients itself, so its pause is kept exactly.
        let pause =
            error.reconnectDelay ?? drainPause ?? configuration.backoff.pause(afterFailures: failures, random: random)
        drainPause = nil
        notBefore = now + max(pause, error.retryAfter ?? .zero)
        return .retry(isNews: failures == 1)
    }

    /// While a service is being replaced, the proxy in front of it declines for it, with whatever status. Only a status
    /// that is about this client is final.
    private func isWorthRetrying(_ error: AgentEventsClientError) -> Bool {
        if error.isRetryable { return true }
        guard hasConnected, let status = error.status else { return false }
        return ![400, 401, 403, 426].contains(status)
    }

    private mutating func fail(_ failure: EmitFailure) {
        self.failure = failure
        if let batch, batch.wasSent { progress.unanswered = batch.firstLine...batch.lastLine }
        phase = .over
    }

    // MARK: Requests

    /// - Returns: the next message to send; `nil` while there is none to send, or one is not answered.
    package mutating func takeRequest() -> [UInt8]? {
        guard phase == .open, !isReporting else { return nil }
        if batch == nil { makeBatch() }
        guard let batch, batch.request == nil else { return nil }
        lastRequest += 1
        self.batch?.request = lastRequest
        self.batch?.wasSent = true
        return batch.message(request: lastRequest, user: configuration.user)
    }

    private mutating func makeBatch() {
        guard let first = waiting.first else { return }
        let count = EmitBatch.count(
            of: waiting, user: configuration.user, keyPrefix: configuration.keyPrefix,
            maximumCount: max(1, min(configuration.maximumBatchCount, limits.maximumBatchEvents)),
            maximumByteCount: limits.maximumMessageByteCount)
        guard count > 0 else {
            fail(
                .tooLarge(
                    line: first.line, byteCount: first.bytes.count, maximum: limits.maximumMessageByteCount))
            return
        }
        let items = Array(waiting.prefix(count))
        waiting.removeFirst(count)
        waitingByteCount -= items.reduce(0) { $0 + $1.bytes.count }
        batch = EmitBatch(items, keyPrefix: configuration.keyPrefix)
    }

    package enum ReceiveAction: Sendable {
        /// The answer to nothing that is on its way.
        case ignore
        /// Report the cursors of what is committed now; ``reported()`` comes next.
        case report([Cursor])
        /// The same request may succeed later: leave the connection.
        case leave(AgentEventsClientError)
        /// The feed continues with what is left of it, or is over.
        case proceed
    }

    /// A request was answered.
    package mutating func emitted(_ tag: RequestTag?, _ cursors: [Cursor]) -> ReceiveAction {
        guard let answered = batch, let number = answered.request, tag == RequestTag(number: number) else {
            return .ignore
        }
        guard cursors.count == answered.items.count else {
            fail(
                .unavailable(
                    AgentEventsClientError(
                        .protocolViolation,
                        "the service answered with the ids of \(cursors.count) of \(answered.items.count) events"),
                    after: nil))
            return .proceed
        }
        batch = nil
        failures = 0
        waitingSince = nil
        progress.committedCount += cursors.count
        progress.lastCommittedLine = answered.lastLine
        isReporting = true
        return .report(cursors)
    }

    /// The last commit has been reported.
    package mutating func reported() {
        isReporting = false
        if let refusedNext { fail(refusedNext) } else { endIfDone() }
    }

    /// A request was refused; without a tag the service could not tell which one it was.
    package mutating func refused(_ refusal: ProtocolError) -> ReceiveAction {
        guard let refused = batch, let number = refused.request,
            refusal.tag == nil || refusal.tag == RequestTag(number: number)
        else {
            return .ignore
        }
        if refusal.isRetryable { return .leave(AgentEventsClientError(refusal)) }
        // Nothing of it was logged.
        batch = nil
        guard let index = refusal.index, refused.items.indices.contains(index) else {
            fail(refusedNext ?? .refused(refusal, lines: refused.firstLine...refused.lastLine))
            return .proceed
        }
        let line = refused.items[index].line
        let failure = EmitFailure.refused(refusal, lines: line...line)
        guard index > 0 else {
            fail(failure)
            return .proceed
        }
        // What stands before it is emitted alone, so that it does not matter what was sent together.
        batch = EmitBatch(Array(refused.items[..<index]), keyPrefix: configuration.keyPrefix)
        refusedNext = failure
        waiting = []
        waitingByteCount = 0
        hasInputEnded = true
        return .proceed
    }
}
