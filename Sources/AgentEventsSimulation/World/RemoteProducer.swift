import AgentEvents
import AgentEventsProtocol

/// A program elsewhere that emits the events of a thread, over the connections of clients: with a key, again and again until
/// it is answered, now and then twice at once.
struct RemoteProducer {
    private struct Request {
        var key: IdempotencyKey
        var drafts: [EventDraft]
        var script: AgentScript
        var isForbidden: Bool
    }

    let thread: Int
    private var script: AgentScript
    private var request: Request?
    private var lastKey = 0
    /// Where the request is under way.
    private(set) var inFlight: Set<Int64> = []
    /// What the keys of late were answered with.
    private var answers: [IdempotencyKey: [Cursor]] = [:]
    private var keys: [Int64: IdempotencyKey] = [:]

    private let name: String

    /// - Parameters:
    ///   - name: no other producer has it.
    ///   - retains: whether the log trims old runs.
    init(thread: Int, name: String, retains: Bool) {
        self.thread = thread
        self.name = name
        script = AgentScript(prefix: "\(name)_", restartsRuns: !retains)
    }

    var isIdle: Bool { request == nil && inFlight.isEmpty }

    /// The request to be sent, the last one again or a new one.
    mutating func send(_ number: Int64, to owner: ThreadOwner, _ random: inout SimulationRandom) -> EmitRequest {
        let sent: Request
        if let request {
            sent = request
        } else {
            let (drafts, next) = script.next(&random)
            script.passOver(next)
            lastKey += 1
            sent = Request(
                key: IdempotencyKey(text: IdentifierText(unchecked: "\(name)_\(lastKey)")), drafts: drafts,
                script: next, isForbidden: next.isForbidden)
            request = sent
        }
        inFlight.insert(number)
        keys[number] = sent.key
        return EmitRequest(thread: owner.thread, user: owner.user, key: sent.key, drafts: sent.drafts)
    }

    /// - Returns: what is wrong with the answer.
    mutating func emitted(_ number: Int64, _ cursors: [Cursor], _ witness: LogWitness) -> InvariantViolation? {
        let log = witness.thread(thread)
        inFlight.remove(number)
        guard let key = keys.removeValue(forKey: number) else { return nil }
        witness.count(.emissionAcknowledged)
        if answers[key] != nil { witness.count(.emissionRepeated) }
        for cursor in cursors where log.event(cursor.sequence)?.id != cursor && !log.lost.contains(cursor) {
            return InvariantViolation(
                .acknowledgedIsKept, "\(log.owner.thread): \(cursor) is acknowledged and not in the log")
        }
        if let known = answers[key], known != cursors, !known.contains(where: log.lost.contains) {
            return InvariantViolation(.acknowledgedIsKept, "\(key) was answered with \(known), and with \(cursors)")
        }
        answers[key] = cursors
        guard let request, request.key == key else { return nil }
        guard cursors.count == request.drafts.count else {
            return InvariantViolation(
                .acknowledgedIsKept, "\(request.drafts.count) events were emitted, and \(cursors) are acknowledged")
        }
        if request.isForbidden {
            return InvariantViolation(.wellFormedRuns, "\(log.owner.thread): what the order forbids was taken")
        }
        script = request.script
        self.request = nil
        return nil
    }

    /// The request was refused.
    mutating func refused(_ number: Int64, _ code: String) {
        inFlight.remove(number)
        guard let key = keys.removeValue(forKey: number), let request, request.key == key,
            code.hasPrefix("order.")
        else { return }
        // A run that came to its end in the meantime is not gone on with.
        if !request.isForbidden { script.forget() }
        self.request = nil
    }

    /// A connection on which the request was sent is gone.
    mutating func lost(_ number: Int64) {
        inFlight.remove(number)
        keys[number] = nil
    }

    /// Leaves the run as it is: events of it are lost.
    mutating func giveUp() {
        request = nil
        script.forget()
    }
}
