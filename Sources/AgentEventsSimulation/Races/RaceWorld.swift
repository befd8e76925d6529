import AgentEvents
import AgentEventsChecks
import AgentEventsHub
import AgentEventsProtocol
import Synchronization

/// Plays one race: the inputs one after the other, each when nothing can continue but time, and then lets everything come to
/// rest.
final class RaceWorld {
    /// The end of a race.
    enum Played {
        case clean
        /// An input has met nobody: what follows was played without it.
        case idle(at: Int)
        case violated(String)
    }

    private static let principal = Principal(
        user: "u_1", scopes: [.read, .command, .open], actsAs: .everybody)
    private static let thread: ThreadID = "t_1"

    private let race: Race
    private let time = SimulatedTime()
    private let kept = RaceLog.Kept()
    private var process: RaceProcess
    private var processCount = 1
    private var commitCount = 0
    private var table = RaceTable()
    private var messageCount = 0
    /// A process that was killed has not ended.
    private var hangs = false

    init(_ race: Race) {
        self.race = race
        process = RaceProcess(RaceLog(kept), time, begun: 0, number: 1)
    }

    func play() -> Played {
        defer { process.kill() }
        if let fault = begin() { return .violated(fault) }
        for (index, input) in race.inputs.enumerated() {
            let (before, begun) = (table, process.gates.begunCount)
            let isIdle = isIdle(input)
            let word = perform(input)
            let commits = takeCommits()
            let expected = before.expected(input)
            if !expected.isEmpty, !(word.map(expected.contains) ?? false) {
                return .violated("\(input.rawValue) is \(word ?? "not answered"), and \(expected.sorted()) was due")
            }
            if let fault = before.fault(after: input, word, commits) { return .violated("\(input.rawValue): \(fault)") }
            if input == .yes, word == "done", before.raced?.status == .running, process.gates.begunCount == begun {
                return .violated("a yes to a run that is not paused has begun nothing")
            }
            if let fault = bodyFault { return .violated("\(input.rawValue): \(fault)") }
            if isIdle, commits.isEmpty { return .idle(at: index) }
        }
        return end().map { .violated($0) } ?? .clean
    }

    // MARK: Inputs

    /// The scene.
    private func begin() -> String? {
        let word = send(RaceAgent.question, nil)
        if race.scene == .asking { step() }
        _ = takeCommits()
        guard word == "started", table.raced?.status == .running, table.isQuestionOpen == (race.scene == .asking) else {
            return "the scene is not set: \(word ?? "")"
        }
        return nil
    }

    /// Whether nobody waits for an input of the race's own.
    private func isIdle(_ input: RaceInput) -> Bool {
        switch input {
        case .step: process.gates.steps.waitingCount == 0
        case .toolEnd: process.gates.tools.waitingCount == 0
        case .expiry: !table.isQuestionOpen && table.lost.isEmpty
        default: false
        }
    }

    /// - Returns: what it is answered with; `nil` for what is not answered.
    private func perform(_ input: RaceInput) -> String? {
        switch input {
        case .step: step()
        case .toolEnd: endTools()
        case .expiry: pass(.seconds(31))
        case .restart: restart()
        case .deploy:
            process.stop()
            pass(.milliseconds(2500))
            restart()
        case .stop: return command(CommandBody(.run(.stop, reason: nil)))
        case .pause: return command(CommandBody(.run(.pause, reason: nil), run: table.run))
        case .resume: return command(CommandBody(.run(.resume, reason: nil), run: table.run))
        case .yes, .no:
            let answer = AnswerCommand(table.question ?? "a_none", isApproved: input == .yes)
            return command(CommandBody(.answer(answer)))
        case .queue, .steer, .supersede: return send("message", input.policy)
        }
        return nil
    }

    private func step() {
        for _ in 0..<process.gates.steps.waitingCount { process.gates.steps.resume(0) }
        process.settle()
    }

    private func endTools() {
        for _ in 0..<process.gates.tools.waitingCount { process.gates.tools.resume(0) }
        process.settle()
    }

    private func restart() {
        process.kill()
        hangs = hangs || !process.hasEnded
        processCount += 1
        process = RaceProcess(RaceLog(kept), time, begun: process.gates.begunCount, number: processCount)
    }

    /// Lets time go on, with everything that happens meanwhile.
    private func pass(_ duration: Duration) {
        let isOver = RaceFlag()
        time.add(time.makeNumber(), at: time.now + duration.clampedNanoseconds) { isOver.set() }
        while !isOver.isSet {
            guard time.fireNext() else { return }
            process.settle()
        }
    }

    private func command(_ body: CommandBody) -> String? {
        messageCount += 1
        let request = CommandRequest(
            thread: Self.thread, key: IdempotencyKey(text: IdentifierText(unchecked: "k_\(messageCount)")), body)
        return process.perform { hub in
            do throws(ProtocolError) {
                return try await hub.commands.submit(request, as: Self.principal).outcome.rawValue
            } catch {
                return error.code.rawValue
            }
        }
    }

    private func send(_ text: String, _ policy: ConcurrencyPolicy?) -> String? {
        process.perform { hub in
            do throws(ProtocolError) {
                let request = MessageRequest(text: text, policy: policy)
                let answer = try await hub.intake.submit(request, in: Self.thread, from: Self.principal)
                return answer.status?.rawValue ?? "logged"
            } catch {
                return error.code.rawValue
            }
        }
    }

    // MARK: The log

    /// The commits since the last look, taken into the table.
    private func takeCommits() -> [[AgentEvent]] {
        let fresh = kept.commits.dropFirst(commitCount)
        commitCount += fresh.count
        let commits = fresh.map { commit in commit.compactMap { try? EventDecoder.decode($0.bytes) } }
        for event in commits.joined() { table.apply(event) }
        return commits
    }

    /// The body of the tool begins once for each yes at most, and where nothing holds it up.
    private var bodyFault: String? {
        if hangs { return "a process whose log is gone does not end" }
        let begun = process.gates.begunCount
        guard begun <= table.approvedCount else { return "\(begun) bodies have begun after \(table.approvedCount) yes" }
        return nil
    }

    // MARK: Rest

    /// Lets everything come to rest, and looks at the whole.
    private func end() -> String? {
        for _ in 0..<12 {
            _ = takeCommits()
            if table.open.isEmpty { break }
            if table.open.contains(where: { $0.status == .paused }) {
                _ = command(CommandBody(.run(.resume, reason: nil)))
            }
            step()
            endTools()
            pass(.seconds(31))
        }
        _ = takeCommits()
        guard table.open.isEmpty else { return "these runs do not end: \(table.open.map { "\($0.status)" })" }
        if let fault = bodyFault { return fault }
        guard process.executor.foreignCount == 0 else { return "jobs came from other threads" }
        var check = HistoryCheck(checksQueue: true)
        for stored in kept.commits.joined() { check.receive(.logged(bytes: stored.bytes), at: "\(stored.id)") }
        return check.finish().first.map { "\($0)" }
    }
}

/// Is set once.
private final class RaceFlag: Sendable {
    private let state = Mutex(false)

    var isSet: Bool { state.withLock { $0 } }

    func set() { state.withLock { $0 = true } }
}
