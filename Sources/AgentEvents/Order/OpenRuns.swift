/// The runs of a thread that are open, with what their thread knows of each.
///
/// A run has a place, which is good until a run ends. At its place it is looked at and changed without being copied: a
/// copy would share what the run has open, and the next change would copy that.
struct OpenRuns: Sendable {
    struct Entry: Hashable, Sendable {
        /// Its place in the order in which runs began.
        var ordinal: Int
        let host: RunHost
        /// The longest time without an event for the tree of runs that it is in, in milliseconds; `nil` for no limit.
        var idleMilliseconds: Int64?
        /// The times between which a run that is queued should start.
        var window = StartWindow()
        /// The messages that the run answers, as its first events say.
        var messageIDs: [MessageID] = []
        /// The messages that the run was given and has not taken, in their order.
        var inputs: [GivenInput] = []
        var motion = Motion.moves
        var machine: RunStateMachine
        /// When the last event of the run was, or of a child run that has ended.
        var lastTime: Timestamp
        var marks = Marks()
    }

    /// The last sign that a run gave of itself, when it has asked people something.
    ///
    /// ```
    ///         it asks                 any other event of its own
    ///   moves ────────> asks          <any> ────────────────────> moves
    ///   moves ────────> waitsAgain
    ///         it was taken up, and waits for the answer to what it had asked before
    /// ```
    enum Motion: Hashable, Sendable {
        /// It has done something since it asked last, or has not asked.
        case moves
        /// It has asked, and done nothing since.
        case asks
        /// As `moves` by the log: nothing else knows of its wait than the process in which it waits.
        case waitsAgain
    }

    /// The events of a run that commands refer to; `nil` while they have no id yet.
    struct Marks: Hashable, Sendable {
        /// Its first one.
        var began: EventID?
        /// The one since which it is queued, running or paused, or the last request for approval or answer after that.
        var since: EventID?
    }

    /// A message that a run under way was given.
    struct GivenInput: Hashable, Sendable {
        var message: MessageID
        /// The number of its event.
        var sequence: UInt64
    }

    /// The times between which a queued run should start, as far as it was asked, and on whose behalf.
    struct StartWindow: Hashable, Sendable {
        var notBefore: Timestamp?
        var startBy: Timestamp?
        var by: UserID?
        var isScheduled = false
        var attempt: Int?
        var retryOf: RunID?
    }

    private var places: [RunID: Int] = [:]
    private var entries: [Entry] = []

    var isEmpty: Bool { entries.isEmpty }

    func place(of run: RunID) -> Int? {
        // In most threads one run is open, and a comparison costs a tenth of a hash.
        let entries = entries.span
        guard entries.count <= Self.comparedCount else { return places[run] }
        for place in entries.indices where entries[place].machine.run == run { return place }
        return nil
    }

    /// Up to this many open runs are compared one by one.
    private static let comparedCount = 4

    // MARK: Looking

    /// Decides on an event of a run, and changes nothing. (Mutating, because only so the run is looked at where it is:
    /// a value that is read out of an array is copied before a method of it is called, at 150 ns an event.)
    mutating func check(
        _ draft: EventDraft,
        _ resolved: ThreadStateMachine.Resolved?,
        at place: Int,
        time: Timestamp
    ) -> RunStateMachine.CheckAction {
        let half = draft.halves?.start
        guard case .payload(let payload)? = resolved else {
            return entries[place].machine.check(draft.payload, half: half, agent: draft.agent, at: time)
        }
        return entries[place].machine.check(payload, half: half, agent: draft.agent, at: time)
    }

    func host(at place: Int) -> RunHost { entries.span[place].host }
    func inputs(at place: Int) -> [GivenInput] { entries.span[place].inputs }
    func idleMilliseconds(at place: Int) -> Int64? { entries.span[place].idleMilliseconds }
    func state(at place: Int) -> RunStateMachine.State { entries.span[place].machine.state }
    func startTime(at place: Int) -> Timestamp? { entries.span[place].machine.startTime }
    func agent(at place: Int) -> AgentName? { entries.span[place].machine.agent }
    func parent(at place: Int) -> RunID? { entries.span[place].machine.parent }
    func call(_ call: CallID, at place: Int) -> OpenCall? { entries.span[place].machine.work.calls[call] }
    /// Says if a request for approval of the run is open.
    func asks(at place: Int) -> Bool { !entries.span[place].machine.work.approvals.isEmpty }

    func attempts(at place: Int) -> RunAttempts { entries.span[place].machine.attempts }
    func motion(at place: Int) -> Motion { entries.span[place].motion }
    func marks(at place: Int) -> Marks { entries.span[place].marks }
    func message(_ message: MessageID, at place: Int) -> OpenMessage? {
        entries.span[place].machine.work.messages[message]
    }

    /// The sum of the tokens that a run has reported.
    func reportedTokens(at place: Int) -> TokenUsage? { entries.span[place].machine.reportedTokens }
    /// The tokens used by the children of a run that have ended.
    func tokensOfChildren(at place: Int) -> TokenUsage? { entries.span[place].machine.tokensOfChildren }

    /// The run as a whole: a copy.
    func machine(_ run: RunID) -> RunStateMachine? { place(of: run).map { entries[$0].machine } }

    /// Whether an open message waits with half of a character.
    var holdsHalf: Bool {
        entries.contains { $0.machine.work.messages.entries.values.contains { $0.item.half != nil } }
    }

    /// In the order of their first events: each parent before its children.
    var inOrder: [Entry] { entries.sorted { $0.ordinal < $1.ordinal } }

    // MARK: Changing

    mutating func insert(_ entry: Entry) {
        places[entry.machine.run] = entries.count
        entries.append(entry)
    }

    /// Takes a run away. The last one takes its place.
    mutating func remove(at place: Int) -> Entry {
        entries.swapAt(place, entries.count - 1)
        let removed = entries.removeLast()
        if place < entries.count { places[entries[place].machine.run] = place }
        places[removed.machine.run] = nil
        return removed
    }

    /// Changes a run where it is.
    mutating func change<Result>(at place: Int, _ body: (inout Entry) -> Result) -> Result { body(&entries[place]) }
}

// MARK: Time

extension OpenRuns {
    /// A root run that is hosted outside, with the runs below it.
    struct Tree {
        var root: RunID
        var idleMilliseconds: Int64
        /// When the last event of any of its runs was.
        var lastTime: Timestamp
        /// Set while the run is queued: it does not start before. The clock does not run earlier.
        var notBefore: Timestamp?
        var isQueued: Bool
        /// Whether it waits for a person: an approval is open somewhere, or a run is paused. Then its clock does not
        /// run.
        var waits: Bool

        /// When it ends if nothing comes.
        var idleEnd: Timestamp {
            max(lastTime, notBefore ?? lastTime).advanced(byMilliseconds: idleMilliseconds)
        }
    }

    /// The trees that end when nothing comes for them, in the order in which their roots started.
    var trees: [Tree] {
        var trees: [Tree] = []
        var places: [RunID: Int] = [:]
        for entry in inOrder {
            guard let idleMilliseconds = entry.idleMilliseconds else { continue }
            let run = entry.machine.run
            let waits = entry.machine.state == .paused || !entry.machine.work.approvals.isEmpty
            if let place = entry.machine.parent.flatMap({ places[$0] }) {
                places[run] = place
                trees[place].lastTime = max(trees[place].lastTime, entry.lastTime)
                trees[place].waits = trees[place].waits || waits
            } else {
                places[run] = trees.count
                trees.append(
                    Tree(
                        root: run, idleMilliseconds: idleMilliseconds, lastTime: entry.lastTime,
                        notBefore: entry.window.notBefore, isQueued: entry.machine.state == .queued, waits: waits))
            }
        }
        return trees
    }

    /// The items that are overdue, approvals first and each run once, and the time at which others may be.
    ///
    /// - Parameter maximumAge: the longest time from the start of a run without a parent to its end, in milliseconds; `nil`
    ///   for no limit.
    func overdue(
        at time: Timestamp,
        maximumAge: Int64? = nil
    ) -> (overdue: [ThreadStateMachine.Overdue], next: Timestamp) {
        var overdue: [ThreadStateMachine.Overdue] = []
        var next = ThreadStateMachine.never
        var late: Set<RunID> = []
        var old: Set<RunID> = []
        for entry in inOrder {
            if let startBy = entry.window.startBy {
                if startBy <= time { late.insert(entry.machine.run) } else { next = min(next, startBy) }
            }
            if let maximumAge, let start = entry.machine.startTime,
                entry.machine.parent.map({ place(of: $0) == nil }) ?? true
            {
                let end = start.advanced(byMilliseconds: maximumAge)
                if end <= time { old.insert(entry.machine.run) } else { next = min(next, end) }
            }
            for (approval, expiresAt) in entry.machine.work.expiringApprovals {
                if expiresAt <= time {
                    overdue.append(.approval(approval, run: entry.machine.run))
                } else {
                    next = min(next, expiresAt)
                }
            }
        }
        for entry in inOrder where late.contains(entry.machine.run) {
            overdue.append(.notStarted(run: entry.machine.run))
        }
        for entry in inOrder where old.contains(entry.machine.run) { overdue.append(.tooOld(run: entry.machine.run)) }
        for tree in trees where !tree.waits && !late.contains(tree.root) && !old.contains(tree.root) {
            let end = tree.idleEnd
            if end <= time {
                overdue.append(
                    tree.isQueued
                        ? .idleInQueue(run: tree.root, milliseconds: tree.idleMilliseconds)
                        : .idle(root: tree.root, milliseconds: tree.idleMilliseconds))
            } else {
                next = min(next, end)
            }
        }
        return (overdue, next)
    }
}

// MARK: Parents and children

extension OpenRuns {
    /// Why a run cannot start under the parent it names; `nil` when it can, or names none.
    func parentViolation(
        _ started: AgentStarted,
        _ child: RunStateMachine,
        _ payload: EventPayload
    ) -> OrderViolation? {
        guard let parentRun = started.parentRunID else {
            guard let call = started.parentCallID else { return nil }
            let problem = "the parent's call \(call) is named, but no parent run"
            return child.violation(payload, .parentNotOpen, problem)
        }
        guard let parent = machine(parentRun) else {
            return child.violation(payload, .parentNotOpen, "the parent run \(parentRun) is not open")
        }
        switch parent.state {
        case .running:
            guard let call = started.parentCallID, !parent.work.calls.isOpen(call) else { return nil }
            return child.violation(payload, .callNotOpen, "call \(call) is not open in the parent run \(parentRun)")
        case .paused:
            let problem = "the parent run \(parentRun) is paused, no child starts under it until it is resumed"
            return child.violation(payload, .paused, problem)
        case .queued:
            let problem = "the parent run \(parentRun) is queued, no child starts under it before it has started"
            return child.violation(payload, .parentNotOpen, problem)
        case .notStarted, .ended:
            preconditionFailure("an open run is queued, running or paused")
        }
    }

    /// The events that end what is open in a run that ends, child runs and what is open in them included.
    func closing(
        _ open: [OpenItem],
        of run: RunID,
        by payload: EventPayload,
        at time: Timestamp
    ) -> [ThreadStateMachine.ClosingEvent] {
        guard !open.isEmpty, let ended = machine(run) else { return [] }
        var sequence = ClosingSequence(ended: ended, open: open, by: payload, at: time)
        while let child = sequence.nextChild() {
            guard let run = machine(child) else { continue }
            sequence.enter(run)
        }
        return sequence.events
    }
}

extension OpenRuns: Equatable {
    /// Whether two threads have the same runs open. Of their places only the order counts, and the ids of their events do
    /// not: these are given after an event is applied.
    static func == (one: Self, other: Self) -> Bool {
        let (ones, others) = (one.inOrder, other.inOrder)
        return ones.count == others.count
            && zip(ones, others).allSatisfy { one, other in
                var one = one
                one.ordinal = other.ordinal
                one.marks = other.marks
                // What it tells is when a run waits, and no event is decided by it.
                one.motion = other.motion
                return one == other
            }
    }
}

extension Timestamp {
    /// The time so much later, or the last there is.
    func advanced(byMilliseconds count: Int64) -> Timestamp {
        let (sum, isOver) = milliseconds.addingReportingOverflow(count)
        return Timestamp(milliseconds: isOver ? .max : sum)
    }
}
