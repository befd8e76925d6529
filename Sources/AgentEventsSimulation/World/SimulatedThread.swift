import AgentEvents
import AgentEventsChecks

/// A thread of the simulated log. Trimmed events are kept for the checks; readers do not get them.
struct SimulatedThread {
    /// What tells where runs begin and end.
    private struct Mark {
        var type: EventType
        var run: RunID?
        var host: RunHost
    }

    let owner: ThreadOwner
    /// Every committed event that was not lost; the one with the number 1 is the first.
    private(set) var events: [StoredEvent] = []
    private var marks: [Mark] = []
    /// The number of the oldest event that can be read, or one behind the head.
    private(set) var firstKept: UInt64 = 1
    private(set) var keys: [IdempotencyKey: [EventID]] = [:]
    /// Events that were committed, and went with a power loss.
    private(set) var lost: Set<EventID> = []
    /// In the order of their starts.
    private(set) var openRuns: [OpenRun] = []
    private var check = EventSequenceCheck()
    private let isParallel: Bool
    private var queue: QueueCheck
    /// Where the values are that are to be logged once.
    private var once: [String: UInt64] = [:]
    private var usage = UsageAccount()
    private var said = SaidAccount()
    private(set) var approvals = ApprovalAccount()
    private var runs = RunOccurrences()
    /// What the last event has done.
    private(set) var lastOccurrences: [Occurrence] = []
    /// The open runs that are paused.
    private(set) var pausedRuns: Set<RunID> = []

    /// Events of this name have a value that is logged once.
    static let onceName = "once"

    /// - Parameter isParallel: whether runs may be open beside each other.
    init(owner: ThreadOwner, isParallel: Bool = false) {
        self.owner = owner
        self.isParallel = isParallel
        queue = QueueCheck(isParallel: isParallel)
    }

    var head: UInt64 { UInt64(events.count) }
    var hasOpenRuns: Bool { !openRuns.isEmpty }

    var record: ThreadRecord? {
        guard let head = events.last?.id else { return nil }
        return ThreadRecord(
            user: owner.user, head: head,
            oldest: event(firstKept)?.id ?? EventID(generation: head.generation, sequence: head.sequence + 1),
            openRuns: openRuns)
    }

    func event(_ sequence: UInt64) -> StoredEvent? {
        sequence >= 1 && sequence <= head ? events[Int(sequence - 1)] : nil
    }

    /// The next event is committed.
    ///
    /// - Returns: what is wrong with it.
    mutating func append(_ entry: LogEntry) -> InvariantViolation? {
        guard entry.id.sequence == head + 1 else {
            return InvariantViolation(.denseOrder, "the log is at \(head) and is given \(entry.id)")
        }
        events.append(StoredEvent(thread: entry.owner.thread, id: entry.id, bytes: entry.bytes))
        let mark = Mark(type: entry.type, run: entry.run, host: entry.host)
        marks.append(mark)
        if let violation = judgeParent(of: entry) { return violation }
        note(mark, at: entry.id.sequence)
        return judge(entry.bytes, entry.id)
    }

    /// A child run begins in a parent that is open: told from the log alone, since what judges the order is what makes it.
    private func judgeParent(of entry: LogEntry) -> InvariantViolation? {
        guard entry.type == .agentStarted, let event = try? EventDecoder.decode(entry.bytes),
            case .agentStarted(let started) = event.payload, let parent = started.parentRunID,
            !openRuns.contains(where: { $0.run == parent })
        else { return nil }
        return InvariantViolation(.wellFormedRuns, "\(entry.id) begins a child of \(parent), which is not open")
    }

    private mutating func note(_ mark: Mark, at sequence: UInt64) {
        guard let run = mark.run else { return }
        if mark.type.beginsRun {
            guard !openRuns.contains(where: { $0.run == run }) else { return }
            openRuns.append(OpenRun(run: run, sequence: sequence, host: mark.host))
        } else if mark.type.endsRun {
            openRuns.removeAll { $0.run == run }
            pausedRuns.remove(run)
        } else if mark.type == .agentPaused {
            pausedRuns.insert(run)
        } else if mark.type == .agentResumed {
            pausedRuns.remove(run)
        }
    }

    /// The number of the first event of a run that has another event; `nil` when it is not there.
    func beginning(of run: RunID, before sequence: UInt64) -> UInt64? {
        var beginning: UInt64?
        for (index, mark) in marks.prefix(Int(sequence)).enumerated() where mark.run == run {
            // The id of a run that was trimmed is free again.
            if mark.type.beginsRun, beginning == nil { beginning = UInt64(index + 1) }
            if mark.type.endsRun, index + 1 < Int(sequence) { beginning = nil }
        }
        return beginning
    }

    private mutating func judge(_ bytes: [UInt8], _ id: EventID) -> InvariantViolation? {
        do throws(WireError) {
            let event = try EventDecoder.decode(bytes)
            let faults = check.receive(event, at: Int(id.sequence))
            if let fault = usage.receive(event) { return InvariantViolation(.usage, "\(id): \(fault)") }
            let isPaused = event.runID.map(pausedRuns.contains) ?? false
            let answer = approvals.receive(event, isPaused: isPaused, owner: owner.user)
            if let fault = answer.fault { return InvariantViolation(.answers, "\(id): \(fault)") }
            lastOccurrences = [answer.occurrence].compactMap(\.self) + runs.receive(event)
            // Who takes a run up is given all that is open in it, so that it can end.
            if case .agentFailed(let failed) = event.payload, failed.error.code == "order.work_open" {
                return InvariantViolation(.wellFormedRuns, "\(id): a run has come to its end with work open in it")
            }
            queue.receive(event)
            if let fault = queue.faults.first { return InvariantViolation(.queue, "\(id): \(fault)") }
            said.receive(event)
            if case .custom(let custom) = event.payload, custom.name == Self.onceName,
                let value = custom.value.stringValue, let known = once.updateValue(id.sequence, forKey: value),
                known != id.sequence
            {
                return InvariantViolation(.acknowledgedIsKept, "\(value) is logged as \(known) and as \(id)")
            }
            return faults.first.map { InvariantViolation(.wellFormedRuns, "\(id): \($0.message)") }
        } catch {
            return InvariantViolation(.sameBytes, "\(id) cannot be decoded: \(error.message)")
        }
    }

    /// - Returns: why a key is not to be used again.
    mutating func remember(_ keyed: KeyedEvents) -> InvariantViolation? {
        guard keys.updateValue(keyed.ids, forKey: keyed.key) == nil else {
            return InvariantViolation(.acknowledgedIsKept, "what has the key \(keyed.key) is committed twice")
        }
        return nil
    }

    /// What is wrong with the tokens that the end of a run says.
    ///
    /// - Parameter own: what the run has used itself.
    func difference(ofUsageIn run: RunID, own: Int64) -> InvariantViolation? {
        guard let (said, due) = usage.tokens(of: run, own: own), said != due else { return nil }
        return InvariantViolation(
            .usage, "\(owner.thread): run \(run) is said to have used \(said) tokens, and has used \(due)")
    }

    /// What is wrong with the text that a run has said, by its fragments.
    func difference(ofTextIn run: RunID, own: String) -> InvariantViolation? {
        guard let text = said.text(of: run), text != own else { return nil }
        return InvariantViolation(.saidOnce, "\(owner.thread): run \(run) has said \(own), and the log has \(text)")
    }

    // MARK: People and agents

    /// Whether people have to do something for the thread to come to rest: resume a run, or answer what does not expire.
    var needsPeople: Bool { !pausedRuns.isEmpty || !unexpiring.isEmpty }

    /// The requests that end only when they are answered.
    var unexpiring: [ApprovalAccount.Request] { approvals.open.filter { $0.asked.expiresAt == nil } }

    /// Runs that have started, for those who want them done again.
    var startedRuns: [RunID] { runs.started }

    /// Somebody does what was asked for.
    mutating func acted(upon place: ApprovalAccount.Place, at time: Timestamp) -> InvariantViolation? {
        approvals.acted(upon: place, at: time).map { InvariantViolation(.answers, "\(owner.thread): \($0)") }
    }

    /// The body of a call begins.
    mutating func bodyBegins(_ call: CallID, of run: RunID, with arguments: JSONValue, at time: Timestamp)
        -> InvariantViolation?
    {
        approvals.bodyBegins(call, of: run, with: arguments, at: time).map {
            InvariantViolation(.answers, "\(owner.thread): \($0)")
        }
    }

    /// Behind which event a context reads to be rebuilt.
    var rebuiltAfter: UInt64 { (openRuns.first?.sequence ?? head) - min(1, head) }

    /// A state has to be the fold of everything up to its cursor.
    ///
    /// - Returns: what is wrong; nothing is known where events were lost, or are many.
    func difference(from state: JSONValue, at cursor: Cursor?) -> InvariantViolation? {
        guard let cursor, lost.isEmpty, cursor.sequence <= 200 else { return nil }
        var fold = ThreadState()
        for event in events.prefix(Int(cursor.sequence)) {
            guard let decoded = try? EventDecoder.decode(event.bytes) else { break }
            fold.apply(decoded)
        }
        guard state != fold.json else { return nil }
        return InvariantViolation(.sameBytes, "\(owner.thread): the state at \(cursor) is not the fold of its events")
    }

    // MARK: What goes

    /// Takes old events away, as far as no run that is open is touched.
    ///
    /// - Returns: how many.
    mutating func trim(_ count: Int) -> Int {
        let target = min(firstKept + UInt64(count), head + 1, openRuns.first?.sequence ?? .max)
        guard target > firstKept else { return 0 }
        let trimmed = Int(target - firstKept)
        freeRuns(before: target)
        firstKept = target
        return trimmed
    }

    /// Events may be trimmed from now on: the ids of runs that began in them, and have ended, may be used again.
    mutating func freeRuns(before sequence: UInt64) {
        let target = min(sequence, head + 1, openRuns.first?.sequence ?? .max)
        guard target > firstKept else { return }
        let begun = marks[Int(firstKept - 1)..<Int(target - 1)].lazy.filter(\.type.beginsRun)
        check.forgetRuns(Set(begun.compactMap(\.run)), in: owner.thread)
    }

    /// Everything before an event is trimmed.
    mutating func keep(from sequence: UInt64) {
        guard sequence > firstKept else { return }
        _ = trim(Int(sequence - firstKept))
    }

    /// The last events are lost, and the keys that were committed with them.
    mutating func lose(_ count: Int, keys lostKeys: [IdempotencyKey]) {
        for event in events.suffix(count) { lost.insert(event.id) }
        events.removeLast(count)
        marks.removeLast(count)
        for key in lostKeys { keys[key] = nil }
        let end = head
        once = once.filter { $0.value <= end }
        openRuns = []
        pausedRuns = []
        for (index, mark) in marks.enumerated() {
            note(mark, at: UInt64(index + 1))
        }
    }

    /// After a loss the order is judged from the oldest run on that is open.
    mutating func revalidate() -> InvariantViolation? {
        check = EventSequenceCheck()
        usage = UsageAccount()
        queue = QueueCheck(isParallel: isParallel)
        approvals = ApprovalAccount(isWhole: rebuiltAfter == 0)
        runs = RunOccurrences()
        said = SaidAccount()
        for event in events.dropFirst(Int(rebuiltAfter)) {
            if let violation = judge(event.bytes, event.id) { return violation }
        }
        return nil
    }

    /// What is missing at the end.
    var unended: InvariantViolation? {
        if let fault = check.finish().first {
            return InvariantViolation(.runsEnd, "thread \(owner.thread): \(fault.message)")
        }
        // Those of producers outside are answered by nobody.
        return queue.faultsAtRest { $0.rawValue.hasPrefix("m_") }.first.map {
            InvariantViolation(.queue, "thread \(owner.thread): \($0)")
        }
    }
}
