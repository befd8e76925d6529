public import AgentEvents

/// A log that goes wrong as planned, around one that does not.
///
/// Commits stay whole: a call that fails has appended all of its events (``Fault/failAfterwards``) or none. What it
/// throws is an `EventLogError` whose cause is the ``InjectedFault``.
public final class FaultyLog: EventLog {
    private let log: any EventLog
    private let appends: FaultInjector
    private let reads: FaultInjector
    private let openings: FaultInjector
    private let code: EventLogError.Code

    /// - Parameters:
    ///   - log: does what gets through.
    ///   - appends: which calls of ``append(_:)`` go wrong.
    ///   - reads: which calls of ``read(_:)``, ``thread(_:)``, ``startedRuns(among:in:)`` and ``recall(_:in:)`` go
    ///     wrong.
    ///   - openings: which calls of ``open()`` go wrong.
    ///   - code: what the error says that is thrown.
    ///   - clock: what delays are measured on.
    public init(
        _ log: any EventLog = InMemoryEventLog(),
        appends: FaultPlan = FaultPlan(),
        reads: FaultPlan = FaultPlan(),
        openings: FaultPlan = FaultPlan(),
        code: EventLogError.Code = .failed,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.log = log
        self.appends = FaultInjector(appends, clock: clock)
        self.reads = FaultInjector(reads, clock: clock)
        self.openings = FaultInjector(openings, clock: clock)
        self.code = code
    }

    public var executor: (any TaskExecutor)? { log.executor }

    public func open() async throws(EventLogError) -> LogOpening {
        try await call(openings) { fault in
            let opening = try await log.open()
            if let fault { throw fault }
            return opening
        }
    }

    public func append(_ commit: LogCommit) async throws(EventLogError) {
        try await call(appends) { fault in
            if let fault, case .partial = fault.fault { throw fault }
            try await log.append(commit)
            if let fault { throw fault }
        }
    }

    public func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        try await reading { try await log.read(request) }
    }

    public func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        try await reading { try await log.thread(thread) }
    }

    public func startedRuns(
        among runs: Set<RunID>,
        in thread: ThreadID
    ) async throws(EventLogError) -> Set<RunID> {
        try await reading { try await log.startedRuns(among: runs, in: thread) }
    }

    public func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await reading { try await log.recall(key, in: thread) }
    }

    /// The number of calls of ``append(_:)``.
    public var appendCount: Int { appends.callCount }
    /// The faults so far: in appending, in reading, in opening.
    public var injected: [InjectedFault] { appends.injected + reads.injected + openings.injected }
    /// The number of calls that hang.
    public var hangingCount: Int { appends.hangingCount + reads.hangingCount + openings.hangingCount }

    /// Releases the calls that hang, and lets later ones pass.
    public func release() {
        for injector in [appends, reads, openings] { injector.release() }
    }

    private func reading<Result>(_ read: () async throws -> Result) async throws(EventLogError) -> Result {
        try await call(reads) { fault in
            if let fault { throw fault }
            return try await read()
        }
    }

    private func call<Result>(
        _ injector: FaultInjector,
        _ body: (InjectedFault?) async throws -> Result
    ) async throws(EventLogError) -> Result {
        do {
            return try await injector.call(body)
        } catch let fault as InjectedFault {
            throw error(fault)
        } catch let error as EventLogError {
            throw error
        } catch {
            throw EventLogError(.unavailable, "the call was cancelled while it waited", cause: error)
        }
    }

    private func error(_ fault: InjectedFault) -> EventLogError {
        EventLogError(code, "\(fault)", cause: fault)
    }
}
