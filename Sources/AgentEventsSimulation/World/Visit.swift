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
            let replaying = subscribers.filter { $0.state == .replaying }
            guard !replaying.isEmpty else { return }
            witness.count(.seenReplaying)
            if replaying.contains(where: { witness.wasLive($0.connection, owner.thread) }) {
                witness.count(.fellBehind)
            }
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
            guard let number = witness.number(of: owner.thread) else { return }
            let isInMemory = witness.thread(number).head == 0 || hub.runtime.knownOwner(of: owner.thread) != nil
            let principal = Principal.backend(of: owner.user, [.emit])
            let cursors = try await hub.ingest.log(request, as: principal, root: .document)
            let thread = witness.thread(number)
            for cursor in cursors where thread.event(cursor.sequence)?.id != cursor && !thread.lost.contains(cursor) {
                fail(.acknowledgedIsKept, "\(cursor) is acknowledged and not in the log")
            }
            witness.count(.visited)
            // Only a context numbers events, and it had the number of the next one from the log.
            if !isInMemory { witness.count(.contextRebuilt) }
        } catch {
            // Refused, or the process ends.
        }
    }
}

/// Somebody who logs events over the service where another process writes the same log: under a key that is used there as
/// well, or in a thread that is opened there as well.
struct ContendedVisit: Sendable {
    private enum Purpose: Sendable {
        case shared(OtherEmitters.Shared, ThreadOwner)
        case contested(ContestedThreads.Attempt)
    }

    private let witness: LogWitness
    private let crew: AgentCrew
    private let purpose: Purpose

    init(_ owner: ThreadOwner, _ witness: LogWitness, _ crew: AgentCrew, _ random: inout SimulationRandom) {
        self.witness = witness
        self.crew = crew
        if random.once(in: 2) {
            purpose = .shared(OtherEmitters.Shared(owner.thread, &random), owner)
        } else {
            purpose = .contested(witness.contested.begin(&random))
        }
    }

    func run(_ hub: AgentEventsHub) async {
        switch purpose {
        case .shared(let shared, let owner): await log(shared, owner, hub)
        case .contested(let attempt): await log(attempt, hub)
        }
    }

    private func log(_ shared: OtherEmitters.Shared, _ owner: ThreadOwner, _ hub: AgentEventsHub) async {
        let request = EmitRequest(thread: owner.thread, user: nil, key: shared.key, drafts: shared.drafts)
        // Without an answer the process ends; nothing else refuses it.
        guard
            let ids = try? await hub.ingest.log(
                request, as: Principal.backend(of: owner.user, [.emit]), root: .document),
            !crew.isStopped, let number = witness.number(of: owner.thread)
        else { return }
        if let violation = shared.check(ids, witness.thread(number)) { witness.fail(violation) }
    }

    private func log(_ attempt: ContestedThreads.Attempt, _ hub: AgentEventsHub) async {
        let owner = attempt.owner
        let outcome: ContestedThreads.Outcome
        do throws(ProtocolError) {
            let ids = try await hub.ingest.log(
                EmitRequest(thread: owner.thread, user: nil, drafts: [attempt.draft]),
                as: Principal.backend(of: owner.user, [.emit]), root: .document)
            guard let id = ids.first else { return }
            outcome = .taken(id)
        } catch {
            // A thread of somebody else is not told from one that there is not.
            guard error.code == .threadUnknown || error.code == .threadForbidden else { return }
            outcome = .forbidden
        }
        guard !crew.isStopped else { return }
        crew.noteOutcome(outcome, in: owner.thread)
        if let violation = witness.contested.didEnd(attempt, outcome) { witness.fail(violation) }
    }
}
