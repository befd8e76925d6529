import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import Synchronization

/// Sees everything that is committed, and judges it: numbers, order, ends, keys. What others see is compared with what it
/// holds.
final class LogWitness: Sendable {
    private struct State {
        var threads: [SimulatedThread]
        var violation: InvariantViolation?
        var counts = OccurrenceCounts()
        /// What clients handled last, by consumer and thread: nothing beyond that is stored as acknowledged.
        var acknowledged: [String: Cursor] = [:]
        var stored: [String: Cursor] = [:]
        /// The runs of agents in processes that are alive.
        var hosted: [RunID: Int] = [:]
        /// The subscriptions that were told that they have caught up.
        var live: Set<String> = []

        mutating func note(_ violation: InvariantViolation?) {
            if self.violation == nil { self.violation = violation }
        }
    }

    private let state: Mutex<State>
    private let numbers: [ThreadID: Int]
    /// Threads that belong to nobody before somebody writes in them.
    let contested = ContestedThreads()

    /// - Parameter isParallel: whether runs may be open beside each other.
    init(owners: [ThreadOwner], isParallel: Bool = false) {
        var numbers: [ThreadID: Int] = [:]
        for (index, owner) in owners.enumerated() { numbers[owner.thread] = index }
        self.numbers = numbers
        state = Mutex(State(threads: owners.map { SimulatedThread(owner: $0, isParallel: isParallel) }))
    }

    func number(of thread: ThreadID) -> Int? { numbers[thread] }

    /// The number of the oldest event of a thread that can be read.
    func firstKept(_ number: Int) -> UInt64 { state.withLock { $0.threads[number].firstKept } }

    func thread(_ number: Int) -> SimulatedThread { state.withLock { $0.threads[number] } }

    var threads: [SimulatedThread] { state.withLock { $0.threads } }

    var violation: InvariantViolation? { state.withLock { $0.violation } }

    /// The first violation stands.
    func fail(_ violation: InvariantViolation) {
        state.withLock { state in if state.violation == nil { state.violation = violation } }
    }

    func count(_ occurrence: Occurrence, _ number: Int = 1) { state.withLock { $0.counts[occurrence] += number } }

    var counts: OccurrenceCounts { state.withLock { $0.counts } }

    // MARK: What is durable

    func didCommit(_ commit: LogCommit) {
        state.withLock { state in
            state.counts[.commitMade] += 1
            state.counts[.eventCommitted] += commit.entries.count
            for entry in commit.entries {
                guard let number = numbers[entry.owner.thread] else {
                    state.note(contested.didCommit(entry))
                    continue
                }
                if state.threads[number].owner.user != entry.owner.user {
                    state.note(InvariantViolation(.isolation, "\(entry.id) is committed for \(entry.owner.user)"))
                }
                state.note(state.threads[number].append(entry))
                for occurrence in state.threads[number].lastOccurrences { state.counts[occurrence] += 1 }
                guard let occurrence = Self.occurrence(entry) else { continue }
                state.counts[occurrence] += 1
                if occurrence == .runFailedAsLost, let run = entry.run, state.hosted[run] != nil {
                    state.note(
                        InvariantViolation(.runsEnd, "\(entry.id) ends run \(run) as lost, and its process is alive"))
                }
            }
            for keyed in commit.keys {
                guard let number = numbers[keyed.thread] else { continue }
                state.note(state.threads[number].remember(keyed))
            }
        }
    }

    func willTrim(_ trims: [ThreadTrim]) {
        state.withLock { state in
            for trim in trims {
                guard let number = numbers[trim.thread] else { continue }
                state.threads[number].freeRuns(before: trim.firstKept)
            }
        }
    }

    func didTrim(_ thread: ThreadID, to firstKept: UInt64) {
        guard let number = numbers[thread] else { return }
        state.withLock { state in
            let before = state.threads[number].firstKept
            state.threads[number].keep(from: firstKept)
            state.counts[.trimmed] += Int(state.threads[number].firstKept - before)
        }
    }

    func didLose(_ commits: [LogCommit]) {
        state.withLock { state in
            var counts: [Int: Int] = [:]
            var keys: [Int: [IdempotencyKey]] = [:]
            for commit in commits {
                for entry in commit.entries {
                    if let number = numbers[entry.owner.thread] { counts[number, default: 0] += 1 }
                }
                for keyed in commit.keys {
                    if let number = numbers[keyed.thread] { keys[number, default: []].append(keyed.key) }
                }
            }
            for (number, count) in counts {
                state.threads[number].lose(count, keys: keys[number] ?? [])
                state.note(state.threads[number].revalidate())
            }
        }
    }

    // MARK: Acknowledgements

    /// A client acknowledges an event, as a consumer: from now on it may be stored (I10).
    func mayStore(_ cursor: Cursor, _ consumer: String, _ thread: ThreadID) {
        state.withLock { state in
            let key = "\(consumer) \(thread)"
            if let known = state.acknowledged[key], !cursor.isNewer(than: known) { return }
            state.acknowledged[key] = cursor
        }
    }

    func didSave(_ values: [StoredValue]) {
        state.withLock { state in
            for value in values where value.kind == .consumer {
                guard let thread = value.thread, let bytes = value.bytes,
                    let cursor = Cursor(String(decoding: bytes, as: UTF8.self))
                else { continue }
                state.counts[.acknowledgementStored] += 1
                let key = "\(value.name) \(thread)"
                guard let known = state.acknowledged[key], !cursor.isNewer(than: known) else {
                    state.note(
                        InvariantViolation(.sentIsNotAcknowledged, "stored is \(cursor), which nobody has acknowledged")
                    )
                    continue
                }
                state.stored[key] = cursor
            }
        }
    }

    /// The cursor of a consumer that was stored last.
    func stored(_ consumer: String, _ thread: ThreadID) -> Cursor? {
        state.withLock { $0.stored["\(consumer) \(thread)"] }
    }

    /// The number of things after which what was on its way may be gone.
    var lossCount: Int {
        let counts = self.counts
        return Self.losses.reduce(0) { $0 + counts[$1] }
    }

    private static let losses: [Occurrence] = [
        .connectionLost, .killed, .powerLost, .logFailed, .cut, .halfOpened, .crashed, .restarted, .expired, .drained,
    ]

    // MARK: Subscriptions

    /// A subscription is told that it has caught up, or another one of the connection takes its place.
    func went(live isLive: Bool, _ connection: ConnectionID, _ thread: ThreadID) {
        state.withLock { state in
            if isLive {
                state.live.insert("\(connection) \(thread)")
            } else {
                state.live.remove("\(connection) \(thread)")
            }
        }
    }

    func wasLive(_ connection: ConnectionID, _ thread: ThreadID) -> Bool {
        state.withLock { $0.live.contains("\(connection) \(thread)") }
    }

    // MARK: Agents

    /// A process has begun a run.
    func hosts(_ run: RunID, in process: Int) { state.withLock { $0.hosted[run] = process } }

    /// The process does not go on with runs.
    func leaves(_ runs: some Sequence<RunID>) {
        state.withLock { state in for run in runs { state.hosted[run] = nil } }
    }

    /// The process that hosts a run, if it is alive.
    func host(of run: RunID) -> Int? { state.withLock { $0.hosted[run] } }

    /// Somebody does what was asked for.
    func acted(upon approval: ApprovalID, of run: RunID, in thread: ThreadID, at time: Timestamp) {
        guard let number = numbers[thread] else { return }
        state.withLock { state in
            state.note(
                state.threads[number].acted(upon: ApprovalAccount.Place(run: run, approval: approval), at: time))
        }
    }

    /// The body of a call begins.
    func bodyBegins(_ call: CallID, of run: RunID, with arguments: JSONValue, in thread: ThreadID, at time: Timestamp) {
        guard let number = numbers[thread] else { return }
        state.withLock { state in
            state.note(state.threads[number].bodyBegins(call, of: run, with: arguments, at: time))
        }
    }

    // MARK: What was promised

    /// A run has failed by itself: what it said is in the log.
    func mustHaveSaid(_ text: String, _ run: RunID, in thread: ThreadID) {
        guard let number = numbers[thread] else { return }
        state.withLock { state in state.note(state.threads[number].difference(ofTextIn: run, own: text)) }
    }

    /// A scope has returned: the end of its run is committed (I7), and says what was used.
    ///
    /// - Parameters:
    ///   - usage: the run's own tokens.
    ///   - said: what it has said, in fragments.
    func mustHaveEnded(_ run: String, usage: Int64, said: String, in thread: ThreadID) {
        guard let number = numbers[thread], let run = try? RunID(run) else { return }
        state.withLock { state in
            state.note(state.threads[number].difference(ofUsageIn: run, own: usage))
            state.note(state.threads[number].difference(ofTextIn: run, own: said))
            guard state.threads[number].openRuns.contains(where: { $0.run == run }) else { return }
            state.note(InvariantViolation(.runsEnd, "\(thread): run \(run) has returned, and no end is committed"))
        }
    }

    /// What the service does by itself.
    private static func occurrence(_ entry: LogEntry) -> Occurrence? {
        switch entry.type {
        case .agentFailed:
            if entry.bytes.contains(overdue) { return .runEndedAsIdle }
            return entry.bytes.contains(lost) ? .runFailedAsLost : nil
        case .inputTaken:
            return entry.bytes.contains(crewAgent) ? .inputTaken : nil
        case .agentStarted:
            // What was queued says its input there.
            return entry.bytes.contains(answered) && !entry.bytes.contains(asked) ? .queuedRunStarted : nil
        case .agentCancelled:
            return entry.bytes.contains(superseded) ? .runSuperseded : nil
        case .toolCompleted:
            return entry.bytes.contains(cancelled) ? .workClosedByEnd : nil
        default:
            return nil
        }
    }

    private static let lost = Array(#""code":"run.lost""#.utf8)
    private static let crewAgent = Array(#""agent":"echo""#.utf8)
    private static let answered = Array(#""message_ids":"#.utf8)
    private static let asked = Array(#""input":"#.utf8)
    private static let superseded = Array(#""reason":"superseded""#.utf8)
    private static let overdue = Array(#"nothing came from the program"#.utf8)
    private static let cancelled = Array(#""status":"cancelled""#.utf8)
}
