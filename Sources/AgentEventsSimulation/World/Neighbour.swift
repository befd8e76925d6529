import AgentEvents

/// The other process that writes a world's log, through all of its lives.
final class Neighbour {
    /// What the schedule decides for each of the two processes; the choices about this one have the number 1.
    static let kinds: Set<ChoiceKind> = [.job, .commit, .agent, .kill, .logFailure, .drain]

    private let store: ContendedStore
    private let emitters: OtherEmitters
    private(set) var process: OtherProcess?
    private var processCount = 0

    init(_ store: ContendedStore, _ emitters: OtherEmitters) {
        self.store = store
        self.emitters = emitters
    }

    // MARK: Steps

    /// Whether the next step of a kind is one of this process, and not of the service's.
    func isNext(_ kind: ChoiceKind, before other: RealProcess?, _ random: inout SimulationRandom) -> Bool {
        let mayBe = random.once(in: 2)
        guard let process else { return kind == .agent && random.once(in: 4) }
        switch kind {
        case .job: return process.executor.readyCount > 0 && (mayBe || other?.executor.readyCount ?? 0 == 0)
        case .commit: return process.gate.waitingCount > 0 && (mayBe || other?.gate.waitingCount ?? 0 == 0)
        case .agent:
            return process.crew.pauses.waitingCount > 0 && (mayBe || other?.crew.pauses.waitingCount ?? 0 == 0)
        default: return mayBe
        }
    }

    /// - Returns: `false` when it cannot happen now.
    func perform(_ kind: ChoiceKind, in world: RealWorld, _ random: inout SimulationRandom) -> Bool {
        guard let process else {
            // The next process.
            guard kind == .agent else { return false }
            start(in: world)
            return true
        }
        switch kind {
        case .job: return process.executor.runNext(random.next())
        case .commit:
            guard process.gate.waitingCount > 0 else { return false }
            process.gate.release(random.next())
        case .agent:
            guard process.crew.pauses.waitingCount > 0 else { return false }
            process.crew.pauses.resume(random.next())
        case .kill:
            world.witness.count(.otherProcessKilled)
            kill(isStored: random.once(in: 2), world.witness, &random)
        case .logFailure:
            guard process.gate.failAppend(isStored: random.once(in: 2)) else { return false }
            world.witness.count(.logFailed)
        case .drain: return process.stop()
        default: return false
        }
        return true
    }

    private func start(in world: RealWorld) {
        processCount += 1
        let process = OtherProcess(world, store, emitters, number: processCount)
        if world.isSettling { process.crew.settle() }
        self.process = process
    }

    /// The process may have come to its end by itself.
    func endIfOver(_ random: inout SimulationRandom) {
        guard let process, process.hasEnded else { return }
        process.crew.stop()
        process.gate.sever(isStored: false)
        self.process = nil
        store.endProcess(isOrderly: true, &random)
    }

    func kill(isStored: Bool, _ witness: LogWitness, _ random: inout SimulationRandom) {
        guard let process else { return }
        self.process = nil
        if let violation = process.kill(isStored: isStored, &random) { witness.fail(violation) }
        store.endProcess(isOrderly: false, &random)
    }

    // MARK: Rest

    /// Whether nothing can happen in it but that time goes on.
    var isQuiet: Bool { process.map { !$0.isReady } ?? false }

    /// What keeps it from being at rest; `nil` when nothing does.
    var restlessness: InvariantViolation? {
        guard let process else { return InvariantViolation(.liveness, "the other process does not start") }
        guard emitters.isIdle else {
            return InvariantViolation(.requestsAnswered, "an emission of the other process has no answer")
        }
        return process.crew.behind
    }
}
