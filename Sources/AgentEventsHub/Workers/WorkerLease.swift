import AgentEvents
import AgentEventsProtocol
import Synchronization

/// The way to a worker: its connection.
struct WorkerLink: Sendable {
    let connection: ConnectionID
    /// Sends a message; returns at once. Called from anywhere.
    let send: @Sendable (ServerMessage) -> Void
    /// The worker works for the run no longer; returns at once.
    let ended: @Sendable (WorkerRun) -> Void
    /// Another connection has taken the place of this one; returns at once.
    let replaced: @Sendable () -> Void
}

/// One offer, and the lease that comes of it: where the task that works for the run meets what comes from its worker.
///
///     offered ── take ──> taken ── the run has begun ──> running ──> over
///        └── withdrawn ──> over
final class WorkerLease: Sendable {
    private enum State {
        case offered
        case taken
        case running
        case over
    }

    private struct Fields {
        var state = State.offered
        var isDeclined = false
        var link: WorkerLink
        /// Those that have something to emit before the run has begun.
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    let id: LeaseID
    let run: WorkerRun
    /// Signalled when the offer is taken, or has come to nothing.
    let answered = WakeSignal()
    /// Signalled when the worker is lost.
    let lost = WakeSignal()
    private let fields: Mutex<Fields>

    init(_ run: WorkerRun, to link: WorkerLink) {
        id = run.lease
        self.run = run
        fields = Mutex(Fields(link: link))
    }

    /// The connection of the worker; another one after it came back.
    var link: WorkerLink {
        get { fields.withLock { $0.link } }
        set { fields.withLock { $0.link = newValue } }
    }

    var isTaken: Bool {
        fields.withLock { fields in
            switch fields.state {
            case .taken, .running: true
            case .offered, .over: false
            }
        }
    }

    /// The worker does not want it, and need not be told that it has it no longer.
    func decline() { fields.withLock { $0.isDeclined = true } }
    var isDeclined: Bool { fields.withLock { $0.isDeclined } }

    func take() {
        fields.withLock { if case .offered = $0.state { $0.state = .taken } }
        answered.signal()
    }

    /// The offer has come to nothing.
    func withdraw() {
        end()
        answered.signal()
    }

    /// The run has begun: what the worker emits is of it from now on.
    func begin() {
        let waiters = fields.withLock { fields in
            if case .taken = fields.state { fields.state = .running }
            defer { fields.waiters = [] }
            return fields.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func end() {
        let waiters = fields.withLock { fields in
            fields.state = .over
            defer { fields.waiters = [] }
            return fields.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns when the run has begun, or the lease is over: one of them comes soon after the worker has taken it.
    func waitUntilBegun() async {
        await withCheckedContinuation { continuation in
            let waits = fields.withLock { fields in
                switch fields.state {
                case .offered, .taken:
                    fields.waiters.append(continuation)
                    return true
                case .running, .over:
                    return false
                }
            }
            if !waits { continuation.resume() }
        }
    }
}
