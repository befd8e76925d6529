import AgentEvents
import AgentEventsHub
import AgentEventsProtocol

/// Somebody who asks the hub for something past the streams, as the routes of a server do: for the state of a thread or its
/// subscribers, or to log events.
struct Visit: Sendable {
    private enum Purpose: Sendable {
        case state, subscribers
        case events(EmitRequest)
    }

    private let owner: ThreadOwner
    private let witness: LogWitness
    private let purpose: Purpose
    private let isForeign: Bool

    init(_ owner: ThreadOwner, _ witness: LogWitness, _ random: inout SimulationRandom) {
        self.owner = owner
        self.witness = witness
        isForeign = random.once(in: 8)
        switch random.below(3) {
        case 0: purpose = .state
        case 1: purpose = .subscribers
        default:
            let key = random.once(in: 2) ? IdempotencyKey(text: IdentifierText(unchecked: "v\(random.next())")) : nil
            let drafts = (0...random.below(3)).map { number in
                EventDraft(.custom(CustomEvent(name: "visited", value: .integer(Int64(number)))))
            }
            purpose = .events(EmitRequest(thread: owner.thread, user: nil, key: key, drafts: drafts))
        }
    }

    func run(_ hub: AgentEventsHub) async {
        switch purpose {
        case .state:
            // A log that has failed is seen by everybody who waits for it.
            guard let state = try? await hub.state(of: owner.thread) else { return }
            check(state)
        case .subscribers:
            guard let subscribers = try? await hub.subscribers(of: owner.thread) else { return }
            if subscribers.contains(where: { $0.state == .replaying }) { witness.count(.seenReplaying) }
        case .events(let request):
            await log(request, hub)
        }
    }

    private func fail(_ rule: InvariantViolation.Rule, _ message: String) {
        witness.fail(InvariantViolation(rule, "\(owner.thread): \(message)"))
    }

    /// The state is the fold of everything up to its cursor.
    private func check(_ state: ThreadState) {
        guard let number = witness.number(of: owner.thread) else { return }
        if let violation = witness.thread(number).difference(from: state.json, at: state.cursor) {
            witness.fail(violation)
        }
        witness.count(.stateRead)
    }

    private func log(_ request: EmitRequest, _ hub: AgentEventsHub) async {
        do throws(ProtocolError) {
            if isForeign {
                // Takes the thread for his own, and then writes for its owner without being allowed to.
                let stranger = Principal(user: "u_stranger", scopes: [.emit])
                try? await hub.ingest.checkAccess(to: owner.thread, of: nil, as: stranger, looksUp: true)
                let reader = Principal(user: owner.user, scopes: [.read])
                let cursors = try await hub.ingest.log(request, as: reader, root: .document)
                return fail(.isolation, "a reader logs \(cursors)")
            }
            let principal = Principal(user: owner.user, scopes: [.emit])
            let cursors = try await hub.ingest.log(request, as: principal, root: .document)
            guard let number = witness.number(of: owner.thread) else { return }
            let thread = witness.thread(number)
            for cursor in cursors where thread.event(cursor.sequence)?.id != cursor && !thread.lost.contains(cursor) {
                fail(.acknowledgedIsKept, "\(cursor) is acknowledged and not in the log")
            }
            witness.count(.visited)
        } catch {
            // Refused, or the process ends.
        }
    }
}
