import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsTesting
import NIOPosix
import Testing

/// A worker that does what a test says, over a connection in the process.
final class StagedWorker {
    static let principal = Principal(
        user: "worker", scopes: [.serve, .read, .emit], threads: .all, actsAs: .everybody)

    let connection: InProcessConnection
    private var lastNumber: Int64 = 0

    private init(_ connection: InProcessConnection) { self.connection = connection }

    /// Opens a connection, and serves agents over it.
    static func serving(
        _ hub: AgentEventsHub,
        _ agents: [AgentName] = ["guide"],
        as principal: Principal = principal,
        worker: WorkerID = "w_1",
        capacity: Int = 4,
        restart: RestartMode = .never,
        leases: [LeaseID]? = nil
    ) async throws -> StagedWorker {
        let staged = try await open(hub, as: principal)
        let answer = try await staged.ask(
            .serve(
                ServeRequest(worker: worker, agents: agents, capacity: capacity, restart: restart, leases: leases)))
        if case .serving = answer { return staged }
        Issue.record("serve was answered with \(answer)")
        return staged
    }

    static func open(_ hub: AgentEventsHub, as principal: Principal = principal) async throws -> StagedWorker {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        return StagedWorker(try await InProcessConnection.open(to: hub, as: principal, on: eventLoop))
    }

    func send(_ operation: ClientMessage.Operation, tag: RequestTag? = nil) async throws {
        try await connection.send(try ClientMessage(tag: tag, operation).encoded())
    }

    /// The next message that is wanted; others are passed over.
    func next<Value>(_ wanted: (ServerMessage) throws -> Value?) async throws -> Value {
        while let bytes = try await connection.next() {
            if let value = try wanted(try ServerMessage(bytes)) { return value }
        }
        throw CancellationError()
    }

    /// The answer to a request.
    func ask(_ operation: ClientMessage.Operation) async throws -> ServerMessage {
        lastNumber += 1
        let tag = RequestTag(number: lastNumber)
        try await send(operation, tag: tag)
        return try await next { message in
            switch message {
            case .serving(tag, _, _, _), .renewed(tag, _), .emitted(tag, _, _), .pong(tag): message
            case .error(let error) where error.tag == tag: message
            default: nil
            }
        }
    }

    func offer() async throws -> WorkerRun {
        try await next { if case .run(let run) = $0 { run } else { nil } }
    }

    /// Takes the next offer.
    func take() async throws -> WorkerRun {
        let run = try await offer()
        try await send(.take(run.lease))
        return run
    }

    func cancel() async throws -> (LeaseID, WorkerCancelReason) {
        try await next { if case .cancel(let lease, let reason) = $0 { (lease, reason) } else { nil } }
    }

    /// Emits an event of a run; the code of the refusal.
    func emit(_ payload: EventPayload, of run: WorkerRun, key: IdempotencyKey? = nil) async throws -> ProtocolError
        .Code?
    {
        let request = EmitRequest(
            thread: run.thread, lease: run.lease, key: key, drafts: [EventDraft(runID: run.run, payload)])
        switch try await ask(.emit(request)) {
        case .error(let error): return error.code
        default: return nil
        }
    }

    func think(of run: WorkerRun, key: IdempotencyKey? = nil) async throws -> ProtocolError.Code? {
        try await emit(.agentThinking(AgentThinking(thoughtID: "th_1", text: "hm")), of: run, key: key)
    }

    func complete(_ run: WorkerRun) async throws {
        let code = try await emit(.agentCompleted(AgentCompleted(durationMilliseconds: 0)), of: run)
        #expect(code == nil)
    }
}
