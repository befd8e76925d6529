internal import AgentEvents
internal import AgentEventsProtocol
internal import Synchronization

/// One lease, on this side.
final class WorkerJob: Sendable {
    let run: WorkerRun
    /// Signalled when the run is over, or the lease.
    let cancelled = WakeSignal()

    init(_ run: WorkerRun) { self.run = run }
}

/// The runs and emissions of a worker that are under way, over one connection after the other.
final class WorkerCore: Sendable {
    private struct Emission {
        let number: Int64
        let job: WorkerJob
        let bytes: [UInt8]
        let continuation: CheckedContinuation<[Cursor], any Error>
    }

    private struct State {
        var jobs: [LeaseID: WorkerJob] = [:]
        var newJobs = Deque<WorkerJob>()
        /// In their order; each waits until it is answered.
        var emissions: [Emission] = []
        /// What is to be sent over the connection of now.
        var outgoing: [[UInt8]] = []
        /// Whether a ping was not answered yet, and whether the leases are to be renewed: one message each, however long the connection
        /// takes none.
        var owesPong = false
        var owesRenewal = false
        var lastNumber: Int64 = 0
        var isConnected = false
        var leaseMilliseconds: Int64 = 30_000
    }

    private static let serveTag = RequestTag(text: "serve")

    let identifiers: IdentifierSource
    let writer = WakeSignal()
    let arrivals = WakeSignal()
    private let request: ServeRequest
    private let state = Mutex(State())

    init(_ request: ServeRequest, _ identifiers: IdentifierSource) {
        self.request = request
        self.identifiers = identifiers
    }

    var leaseMilliseconds: Int64 { state.withLock { $0.leaseMilliseconds } }

    // MARK: Connections

    /// A connection is open: what the worker has is named, and what was not answered is sent again once the service has said which
    /// leases count.
    func connected() throws {
        var request = request
        try state.withLock { state in
            request.leases = state.jobs.isEmpty ? nil : state.jobs.keys.sorted { $0.rawValue < $1.rawValue }
            state.outgoing = [try ClientMessage(tag: Self.serveTag, .serve(request)).encoded()]
            (state.owesPong, state.owesRenewal) = (false, false)
            state.isConnected = false
        }
        writer.signal()
    }

    /// The messages to send now, each once.
    func takeOutgoing() throws -> [[UInt8]] {
        try state.withLock { state in
            var messages = state.outgoing
            let leases = state.jobs.keys.sorted { $0.rawValue < $1.rawValue }
            if state.owesRenewal, !leases.isEmpty { messages.append(try ClientMessage(.renew(leases)).encoded()) }
            if state.owesPong { messages.append(try ClientMessage(.pong).encoded()) }
            state.outgoing = []
            (state.owesPong, state.owesRenewal) = (false, false)
            return messages
        }
    }

    private func send(_ operation: ClientMessage.Operation) throws {
        let bytes = try ClientMessage(operation).encoded()
        state.withLock { $0.outgoing.append(bytes) }
        writer.signal()
    }

    func renew() {
        state.withLock { $0.owesRenewal = $0.isConnected && !$0.jobs.isEmpty }
        writer.signal()
    }

    /// A message of the service.
    ///
    /// - Throws: ``AgentEventsClientError`` when the service does not take the worker.
    func receive(_ message: ServerMessage) throws {
        switch message {
        case .serving(_, let milliseconds, _, let lost):
            served(milliseconds, lost: lost ?? [])
        case .run(let run):
            let job = WorkerJob(run)
            state.withLock { state in
                state.jobs[run.lease] = job
                state.newJobs.append(job)
            }
            try send(.take(run.lease))
            arrivals.signal()
        case .cancel(let lease, _):
            end(lease)
        case .emitted(let tag, _, let cursors):
            answer(tag)?.continuation.resume(returning: cursors)
        case .error(let error):
            if let emission = answer(error.tag) {
                emission.continuation.resume(throwing: AgentEventsClientError(error))
                if error.code == .leaseLost { end(emission.job.run.lease) }
            } else if error.tag == Self.serveTag {
                throw AgentEventsClientError(error)
            }
        case .ping:
            state.withLock { $0.owesPong = true }
            writer.signal()
        case .event, .welcome, .subscribed, .unsubscribed, .live, .reset, .snapshot, .snapshotPart, .accepted,
            .refreshed, .expiring,
            .watching, .threads, .unwatched, .renewed, .drain, .pong, .membersChanged, .other:
            break
        }
    }

    private func served(_ milliseconds: Int64, lost: [LeaseID]) {
        for lease in lost { end(lease) }
        state.withLock { state in
            state.leaseMilliseconds = milliseconds
            state.isConnected = true
            state.outgoing += state.emissions.map(\.bytes)
        }
        writer.signal()
    }

    private func answer(_ tag: RequestTag?) -> Emission? {
        guard let number = tag?.number else { return nil }
        return state.withLock { state in
            guard let index = state.emissions.firstIndex(where: { $0.number == number }) else { return nil }
            return state.emissions.remove(at: index)
        }
    }

    // MARK: Jobs

    /// The next run; waits for it.
    ///
    /// - Returns: `nil` when the task is cancelled.
    func nextJob() async -> WorkerJob? {
        while true {
            if let job = state.withLock({ $0.newJobs.popFirst() }) { return job }
            guard await arrivals.wait() else { return nil }
        }
    }

    /// A lease is over: nothing of its run counts any longer.
    func end(_ lease: LeaseID) {
        let (job, waiters) = state.withLock { state in
            let job = state.jobs.removeValue(forKey: lease)
            let waiters = state.emissions.filter { $0.job.run.lease == lease }.map(\.continuation)
            state.emissions.removeAll { $0.job.run.lease == lease }
            return (job, waiters)
        }
        for waiter in waiters { waiter.resume(throwing: CancellationError()) }
        job?.cancelled.signal()
    }

    /// The worker lets go of a run that it cannot end.
    func giveBack(_ job: WorkerJob, because reason: String) {
        // The service finds out by itself when the worker falls silent.
        try? send(.decline(job.run.lease, reason: reason))
    }

    /// Nothing is worked for any longer.
    func endAll() {
        for lease in state.withLock({ Array($0.jobs.keys) }) { end(lease) }
    }

    func emit(_ events: [EventDraft], of job: WorkerJob) async throws -> [Cursor] {
        let key = IdempotencyKey(text: identifiers.text(prefix: "k"))
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        let request = EmitRequest(thread: job.run.thread, lease: job.run.lease, key: key, drafts: events)
        let bytes = try ClientMessage(tag: RequestTag(number: number), .emit(request)).encoded()
        return try await withCheckedThrowingContinuation { continuation in
            let isOpen = state.withLock { state in
                guard state.jobs[job.run.lease] === job else { return false }
                state.emissions.append(Emission(number: number, job: job, bytes: bytes, continuation: continuation))
                if state.isConnected { state.outgoing.append(bytes) }
                return true
            }
            if isOpen { writer.signal() } else { continuation.resume(throwing: CancellationError()) }
        }
    }
}
