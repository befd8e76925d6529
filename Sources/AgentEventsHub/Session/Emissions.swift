import AgentEvents
import AgentEventsProtocol

/// The emissions of one connection, commands among them: carried out by workers, one batch at a time, and answered when the loop is told of
/// their commits. Confined to the event loop.
final class Emissions {
    private var queue = EmissionQueue()
    private let identity: SessionIdentity
    private let services: SessionServices
    private let output: SessionOutput
    /// Whether the client has emitted something.
    private var hasEmitted = false
    private var commandLimit: CommandLimit

    init(_ identity: SessionIdentity, services: SessionServices, output: SessionOutput) {
        self.identity = identity
        self.services = services
        self.output = output
        commandLimit = CommandLimit(maximumCount: services.limits.maximumCommandsPerSecond)
    }

    /// Nothing waits, runs or has an answer outstanding.
    var isIdle: Bool { queue.isIdle }
    /// The number of emissions that wait to be carried out.
    var queuedCount: Int { queue.queuedCount }
    /// The size of their messages, in bytes.
    var queuedByteCount: Int { queue.queuedByteCount }

    /// An emission begins.
    ///
    /// - Throws: why nothing is emitted, when that can be answered at once: nothing that was emitted earlier waits for
    ///   its answer.
    func begin(_ request: Addition, _ received: ReceivedRequest) throws(ProtocolError) {
        let refusal = refusal(of: request, received)
        if let refusal, queue.isIdle { throw refusal }
        if refusal == nil, case .emit = request, !hasEmitted {
            hasEmitted = true
            services.outsideEmitters.didBeginEmitting()
        }
        queue.enqueue(
            EmissionQueue.Item(
                request: request, tag: received.message.tag, refusal: refusal, rights: received.rights),
            byteCount: received.byteCount)
    }

    private func refusal(of request: Addition, _ received: ReceivedRequest) -> ProtocolError? {
        do throws(ProtocolError) {
            try ThreadAccess.checkScope(of: identity.principal, for: request.use, in: request.thread)
            _ = try received.rights?.get()
        } catch {
            return error
        }
        guard received.isInTime else { return .stopsEmissions(in: request.thread) }
        guard case .command = request else { return nil }
        return commandLimit.record(
            at: services.runtime.environment.monotonicMilliseconds, in: request.thread)
    }

    /// Everything that waits, when nothing is being carried out; else `nil`. ``didEmit(_:)`` or ``didRefuse(_:)``
    /// follows.
    func takeBatch() -> EmissionBatch? {
        let generation = identity.generation
        return queue.takeBatch(credentials: generation).map {
            EmissionBatch(
                items: $0, principal: identity.principal, validity: identity.validity.share(), access: services.access,
                environment: services.runtime.environment, ingest: services.ingest, commands: services.commands)
        }
    }

    func didEmit(_ replies: [EmissionReply]) { queue.didEmit(replies) }

    /// A batch is not carried out, because the service stops.
    func didRefuse(_ batch: EmissionBatch) {
        queue.didEmit(
            batch.items.map { item in
                let refusal = item.refusal ?? .stopsEmissions(in: item.request.thread)
                return EmissionReply(refusing: item.request, item.tag, refusal)
            })
    }

    /// Answers what is committed.
    ///
    /// - Parameter position: everything accepted up to there is committed.
    /// - Returns: the thread of each emission that was answered.
    func answer(upTo position: UInt64) -> [ThreadID] { send(queue.takeReplies(upTo: position)) }

    /// The log failed: answers what is committed, and what never will be.
    ///
    /// - Parameter position: everything accepted up to there is committed.
    /// - Returns: the thread of each emission that was answered.
    func fail(after position: UInt64, _ error: EventLogError) -> [ThreadID] {
        send(queue.failReplies(after: position, error))
    }

    private func send(_ replies: [EmissionReply]) -> [ThreadID] {
        for reply in replies { output.send(reply.message) }
        return replies.map(\.thread)
    }

    /// The connection is gone. What is under way finishes, and nobody is told.
    func end() {
        if hasEmitted { services.outsideEmitters.didEndEmitting() }
    }
}

/// A request about a thread, as it waits to be carried out.
struct ReceivedRequest {
    let message: ClientMessage
    /// The size of the message.
    let byteCount: Int
    /// Whether it came while the connection took emissions: then it is carried out, however long it waits.
    let isInTime: Bool
    /// The authorizer's answer about this request; `nil` before it was asked.
    var rights: AskedRights?
}

typealias RequestOrder = RequestOrderStateMachine<ReceivedRequest>
