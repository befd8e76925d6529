import AgentEvents
import AgentEventsProtocol
import Synchronization

/// Programs that emit in another process than the service's, into the same threads. They outlive it: what was not answered
/// is sent again, with its key, to the next one.
final class OtherEmitters: Sendable {
    private struct State {
        var producers: [RemoteProducer]
        var random: SimulationRandom
        var lastNumber: Int64 = 0
        /// Keys of the service's process, too, that were used here.
        var usedKeys: Set<String> = []
    }

    private let owners: [ThreadOwner]
    private let witness: LogWitness
    private let state: Mutex<State>

    init(owners: [ThreadOwner], witness: LogWitness, seed: UInt64) {
        self.owners = owners
        self.witness = witness
        let producers = owners.indices.map { RemoteProducer(thread: $0, name: "o\($0)", retains: false) }
        state = Mutex(State(producers: producers, random: SimulationRandom(seed: seed)))
    }

    /// Whether every emission has its answer.
    var isIdle: Bool { state.withLock { $0.producers.allSatisfy(\.isIdle) } }

    func run(_ runtime: AgentRuntime, _ crew: AgentCrew) async {
        await withDiscardingTaskGroup { group in
            for thread in owners.indices { group.addTask { await self.emit(thread, runtime, crew) } }
        }
    }

    private func emit(_ thread: Int, _ runtime: AgentRuntime, _ crew: AgentCrew) async {
        while await crew.pause() {
            if crew.isSettling {
                if state.withLock({ $0.producers[thread].isIdle }) { return }
                await emitNext(thread, runtime, crew)
                continue
            }
            switch state.withLock({ $0.random.below(8) }) {
            case 0: await shareKey(thread, runtime, crew)
            case 1, 2: await endRun(thread, runtime, crew)
            case 3, 4: await contest(runtime, crew)
            default: await emitNext(thread, runtime, crew)
            }
        }
    }

    private func fail(_ rule: InvariantViolation.Rule, _ message: String) {
        witness.fail(InvariantViolation(rule, "the other process: \(message)"))
    }

    /// - Returns: whether an emission was refused, and not left without an answer because the log is gone.
    private func isRefusal(_ error: AgentEventsError, _ crew: AgentCrew, in thread: ThreadID) -> Bool {
        guard !crew.isStopped, error.violation != nil else { return false }
        crew.noteRefusal(error, in: thread)
        return true
    }

    /// Events of runs of its own.
    private func emitNext(_ thread: Int, _ runtime: AgentRuntime, _ crew: AgentCrew) async {
        let owner = owners[thread]
        let (number, request) = state.withLock { state in
            state.lastNumber += 1
            return (
                state.lastNumber, state.producers[thread].send(state.lastNumber, to: owner, &state.random)
            )
        }
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: owner.user, thread: owner.thread)
            let receipt = try await context.emit(request.drafts, key: request.key, host: .outside)
            let violation = state.withLock { state in
                guard !crew.isStopped else {
                    state.producers[thread].lost(number)
                    return nil as InvariantViolation?
                }
                return state.producers[thread].emitted(number, receipt.ids, witness)
            }
            if let violation { witness.fail(violation) }
        } catch {
            guard isRefusal(error, crew, in: owner.thread) else {
                return state.withLock { $0.producers[thread].lost(number) }
            }
            witness.count(.eventRejected)
            state.withLock { $0.producers[thread].refused(number, error.code.description) }
            if let key = request.key, let ids = witness.thread(thread).keys[key] {
                fail(.acknowledgedIsKept, "\(key) is refused with \(error.code), and is in the log as \(ids)")
            }
        }
    }

    /// An emission that the service's process may make as well.
    struct Shared: Sendable {
        let key: IdempotencyKey
        let drafts: [EventDraft]

        init(_ thread: ThreadID, _ random: inout SimulationRandom) {
            let name = "shared \(random.below(24))"
            key = IdempotencyKey(text: IdentifierText(unchecked: name.replacing(" ", with: "_")))
            drafts = [
                EventDraft(.custom(CustomEvent(name: SimulatedThread.onceName, value: .string("\(name) \(thread)")))),
                EventDraft(.custom(CustomEvent(name: "shared", value: .integer(1)))),
            ]
        }

        /// - Returns: what is wrong with the answer.
        func check(_ ids: [EventID], _ thread: SimulatedThread) -> InvariantViolation? {
            guard thread.keys[key] != ids else { return nil }
            return InvariantViolation(
                .acknowledgedIsKept,
                "\(thread.owner.thread): \(key) is answered with \(ids), and the log has \(thread.keys[key] ?? [])")
        }
    }

    private func shareKey(_ thread: Int, _ runtime: AgentRuntime, _ crew: AgentCrew) async {
        let owner = owners[thread]
        let shared = state.withLock { Shared(owner.thread, &$0.random) }
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: owner.user, thread: owner.thread)
            let receipt = try await context.emit(shared.drafts, key: shared.key)
            guard !crew.isStopped else { return }
            if let violation = shared.check(receipt.ids, witness.thread(thread)) { witness.fail(violation) }
            let isNew = state.withLock { $0.usedKeys.insert("\(owner.thread) \(shared.key)").inserted }
            if isNew, receipt.isRepeated { witness.count(.keyUsedElsewhere) }
        } catch {
            if isRefusal(error, crew, in: owner.thread) {
                fail(.wellFormedRuns, "events of no run are refused: \(error)")
            }
        }
    }

    /// Ends a run, mostly one of an agent in the service's process.
    private func endRun(_ thread: Int, _ runtime: AgentRuntime, _ crew: AgentCrew) async {
        let owner = owners[thread]
        let open = witness.thread(thread).openRuns.map(\.run)
        guard !open.isEmpty else { return }
        let hosted = open.filter { witness.host(of: $0) == 0 }
        let run = state.withLock { state in
            let some = hosted.isEmpty || state.random.once(in: 4) ? open : hosted
            return some[state.random.below(some.count)]
        }
        let host = witness.host(of: run)
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: owner.user, thread: owner.thread)
            _ = try await context.emit([
                EventDraft(runID: run, .agentCancelled(AgentCancelled(reason: "elsewhere", durationMilliseconds: 1)))
            ])
            if host == 0 { witness.count(.runEndedElsewhere) }
        } catch {
            // It was open before, and nobody ends runs that have ended.
            if isRefusal(error, crew, in: owner.thread),
                witness.thread(thread).openRuns.contains(where: { $0.run == run })
            {
                fail(.wellFormedRuns, "run \(run) is open, and its end is refused: \(error)")
            }
        }
    }

    private func contest(_ runtime: AgentRuntime, _ crew: AgentCrew) async {
        let attempt = state.withLock { witness.contested.begin(&$0.random) }
        let thread = attempt.owner.thread
        var outcome: ContestedThreads.Outcome?
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: attempt.owner.user, thread: thread)
            outcome = .taken(try await context.emit(attempt.draft))
        } catch {
            if error.code == .threadForbidden { outcome = .forbidden }
        }
        guard !crew.isStopped, let outcome else { return }
        crew.noteOutcome(outcome, in: thread)
        if let violation = witness.contested.didEnd(attempt, outcome) { witness.fail(violation) }
    }
}
