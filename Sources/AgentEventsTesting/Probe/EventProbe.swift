public import AgentEvents
public import Testing

/// Takes the events of a thread one by one, in a test; see `withEventProbe`.
///
/// A method that does not get what it expects reports an issue at its line and throws, which ends the test.
public final class EventProbe {
    private let log: any EventLog
    private let runtime: AgentRuntime
    private let thread: ThreadID
    private let signal: CommitSignal
    private let timeLimit: Duration
    private let clock: any Clock<Duration>
    private var page: ArraySlice<AgentEvent> = []
    private var after: UInt64
    /// The events taken so far, those that were skipped too.
    public private(set) var taken: [AgentEvent] = []

    init(
        of runtime: AgentRuntime,
        thread: ThreadID,
        after: UInt64,
        signal: CommitSignal,
        timeLimit: Duration,
        clock: any Clock<Duration>
    ) {
        self.runtime = runtime
        log = runtime.log
        self.thread = thread
        self.after = after
        self.signal = signal
        self.timeLimit = timeLimit
        self.clock = clock
    }

    /// Takes the next event; waits for it up to the time limit.
    public func next(sourceLocation: SourceLocation = #_sourceLocation) async throws -> AgentEvent {
        try await take(waitingFor: "an event", sourceLocation)
    }

    /// Takes the next event, which has to be of this type.
    @discardableResult
    public func next(
        _ type: EventType,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> AgentEvent {
        let event = try await take(waitingFor: type.rawValue, sourceLocation)
        if event.type != type {
            try TestIssue.stop("\(type.rawValue) was expected, and \(Self.text(event)) came.", sourceLocation)
        }
        return event
    }

    /// Takes events up to the first of this type, and that one.
    ///
    /// - Returns: the event of the type.
    @discardableResult
    public func skip(
        until type: EventType,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> AgentEvent {
        while true {
            let event = try await take(waitingFor: type.rawValue, sourceLocation)
            if event.type == type { return event }
        }
    }

    /// Expects that everything the runtime has accepted so far was taken.
    public func expectNoMore(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let rest = try await rest()
        guard !rest.isEmpty else { return }
        try TestIssue.stop(
            FaultList.text("No more events were expected, and there are", rest.map(Self.text)), sourceLocation)
    }

    /// Takes the next event, which has to be the end of a run, and expects that nothing follows it.
    ///
    /// - Parameter type: how the run ends.
    @discardableResult
    public func expectEnd(
        _ type: EventType = .agentCompleted,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> AgentEvent {
        precondition(type.endsRun, "\(type.rawValue) is no end of a run")
        let event = try await next(type, sourceLocation: sourceLocation)
        try await expectNoMore(sourceLocation: sourceLocation)
        return event
    }

    /// The events that the runtime has accepted so far and that were not taken. They can still be taken.
    func rest() async throws -> [AgentEvent] {
        do throws(AgentEventsError) {
            try await runtime.flush()
        } catch {
            // A runtime that has stopped accepts nothing more: what there is, is in the log.
            guard error.code == .notRunning else { throw error }
        }
        var rest = Array(page)
        while true {
            let last = rest.last?.sequence ?? after
            let events = try await read(after: last)
            if events.isEmpty { return rest }
            rest += events
        }
    }

    private func take(waitingFor what: String, _ sourceLocation: SourceLocation) async throws -> AgentEvent {
        while true {
            if let event = page.popFirst() {
                after = event.sequence
                taken.append(event)
                return event
            }
            page = try await read(after: after)[...]
            if page.isEmpty, try await !waitForCommit() {
                let last = taken.last.map { "the last one was \(Self.text($0))" } ?? "there was none before"
                try TestIssue.stop(
                    "No event came within \(timeLimit), \(what) was waited for; \(last).", sourceLocation)
            }
        }
    }

    private func read(after sequence: UInt64) async throws -> [AgentEvent] {
        try await log.read(LogRead(.thread(thread, after: sequence))).events.map { try EventDecoder.decode($0.bytes) }
    }

    /// - Returns: `false` when the time is over.
    private func waitForCommit() async throws -> Bool {
        let (signal, clock, timeLimit) = (signal, clock, timeLimit)
        let isCommitted = await withTaskGroup(of: Bool.self) { group in
            group.addTask { await signal.wait() }
            group.addTask {
                // A cancelled sleep is the end of the wait as well.
                try? await clock.sleep(for: timeLimit)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
        try Task.checkCancellation()
        return isCommitted
    }

    static func text(_ event: AgentEvent) -> String { "\(event.id) \(EventSummary.text(event))" }
}
