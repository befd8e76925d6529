package import AgentEvents

/// The queue of runs across threads, and the slots in which runs work.
///
/// The queue itself is in the log: a run is queued from its `agent_queued` to its `agent_started` or its end. This is what
/// one process does about it: which run is tried next, and in which slot. Whether it may start is decided in its thread
/// (``ConcurrencyPolicy/mayStart(_:_:at:parallelLimit:isServed:)``), on what the log has. So nothing is lost with this state: it is
/// made again from the log.
///
/// ```
///                                    attempt: started
///   queued ── start ──> attempted ────────────────────> working ── bodyEnded ──> gone
///     ^  │                 │  │                          ^  │ waits
///     │  │ left            │  │ attempt: gone            │  v
///     │  └──> gone <───────│──┘                          │ resting ── mayContinue ──> continuing ──┐
///     └────────────────────┘                             │    (no slot)                            │
///       attempt: held (the thread is busy, until         └─────────────────────────────────────────┘
///       something in it ends), later (for a moment)                  proceed: there is a slot again
///
///   admitted (a request on its way into its thread) ── settle ──> working, queued, or nothing
/// ```
///
/// A run that stayed open when an earlier process was lost begins here as one that continues.
///
/// Admitted, attempted and working ones have a slot each; those that wait for a person have none, and get one again before
/// any other run starts. A slot belongs to one of them and is found by its name, so it cannot be given back twice.
///
/// Users take turns, people four times as often as schedules; of a user the thread whose head is the oldest comes first. In
/// a thread the order is that of the log, where a delayed run does not hold up those after it.
///
/// The file is long because slots, threads and turns change together, and nobody else can reach them.
package struct RunQueueStateMachine: Sendable {
    /// The owner of a slot.
    private enum Holder: Hashable {
        case ticket(Int)
        case attempt(Place)
        case body(Place)
    }

    private enum Hold: Hashable {
        /// The head may be tried.
        case open
        /// - Parameter again: whether something in the thread has ended since the attempt began.
        case attempted(RunID, again: Bool)
        /// Nothing can start before something in the thread ends.
        case held
    }

    private struct ThreadQueue: Hashable {
        /// In the order of their numbers.
        var entries: [Entry] = []
        var hold = Hold.open
        var settlesUntil: Timestamp?
        /// Nothing is tried before.
        var againAt: Timestamp?
        /// The entry that may be tried, as it stands in the turns.
        var candidate: Entry?
    }

    private let limits: Limits
    private var threads: [ThreadID: ThreadQueue] = [:]
    /// The queued runs, and the users on whose behalf they are.
    private var queuedUsers: [Place: UserID] = [:]
    private var queuedCounts: [UserID: Int] = [:]
    private var slots: [Holder: UserID] = [:]
    private var slotCounts: [UserID: Int] = [:]
    /// The number of slots that bodies have.
    private var bodySlotCount = 0
    /// Admitted requests that may become queued runs.
    private var queueTickets: [Int: UserID] = [:]
    private var lastTicket = 0
    /// The runs whose bodies have not returned, and the users on whose behalf they are.
    private var bodies: [Place: UserID] = [:]
    private var bodyCounts: [ThreadID: Int] = [:]
    /// Those of them that want a slot again, in the order in which they asked.
    private var continuing: [Place] = []
    /// The runs that are about to be taken up.
    private var takingUp: Set<Place> = []
    private var people = QueueTurns()
    private var schedules = QueueTurns()
    /// The number of runs of people that were started since one of a schedule was, while one waited.
    private var peopleInARow = 0
    /// The threads in which time will change something, and when.
    private var delayed: [ThreadID: Timestamp] = [:]
    private var now = Timestamp(milliseconds: .min)
    private var isClosed = false

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// The pause before an attempt that came to nothing is made again, in milliseconds.
    private static var retryMilliseconds: Int64 { 1000 }
    /// The number of runs for people that start in a row while a schedule waits.
    private static var peoplePerSchedule: Int { 4 }

    // MARK: Looking

    /// The number of runs whose bodies have not returned.
    package var bodyCount: Int { bodies.count }
    /// The number of slots in use.
    package var slotCount: Int { slots.count }
    /// The number of queued runs.
    package var queuedCount: Int { queuedUsers.count }
    /// The time at which something changes by itself; `nil` for never.
    package var nextTime: Timestamp? { delayed.values.min() }
    /// Says if bodies of runs of a thread have not returned.
    package func hasBodies(in thread: ThreadID) -> Bool { bodyCounts[thread] != nil }
    /// Says if nothing queued in a thread is tried before something in it ends.
    package func isHeld(_ thread: ThreadID) -> Bool { threads[thread]?.hold == .held }
    package func isQueued(_ place: Place) -> Bool { queuedUsers[place] != nil }
    /// The queued runs of a thread, in their order.
    package func queued(in thread: ThreadID) -> [Place] { threads[thread]?.entries.map(\.place) ?? [] }
    /// Says if runs of a thread are queued, or work.
    package func isConcerned(_ thread: ThreadID) -> Bool { threads[thread] != nil || bodyCounts[thread] != nil }
    /// The runs of a thread whose bodies have not returned.
    package func bodies(in thread: ThreadID) -> [Place] {
        guard bodyCounts[thread] != nil else { return [] }
        return bodies.keys.filter { $0.thread == thread }.sorted { $0.run.rawValue < $1.run.rawValue }
    }
    /// The runs whose bodies have a slot: those that work.
    package var working: [Place] {
        bodies.keys.filter { slots[.body($0)] != nil }
            .sorted { ($0.thread.rawValue, $0.run.rawValue) < ($1.thread.rawValue, $1.run.rawValue) }
    }
    /// Says if a body waits for a slot.
    package func isContinuing(_ place: Place) -> Bool { continuing.contains(place) }
    /// Says if a body has no slot.
    package var hasResting: Bool { bodySlotCount < bodies.count }
    /// Says if nothing is queued and no body works.
    package var isIdle: Bool { queuedUsers.isEmpty && bodies.isEmpty }

    // MARK: Requests

    /// A request comes in. It is followed by ``settle(_:as:)``.
    ///
    /// - Returns: `nil` when no further runs are taken.
    package mutating func admit(_ user: UserID) -> Admission? {
        guard !isClosed else { return nil }
        lastTicket += 1
        let hasSlot = hasFreeSlot(for: user) && continuing.isEmpty
        if hasSlot { take(.ticket(lastTicket), for: user) }
        let refusal = queueRefusal(for: user)
        if refusal == nil {
            queueTickets[lastTicket] = user
            queuedCounts[user, default: 0] += 1
        }
        return Admission(ticket: lastTicket, hasSlot: hasSlot, queueRefusal: refusal)
    }

    private func queueRefusal(for user: UserID) -> ConcurrencyPolicy.QueueRefusal? {
        if queuedUsers.count + queueTickets.count >= limits.queued { return .serviceFull }
        return queuedCounts[user, default: 0] >= limits.queuedPerUser ? .userFull : nil
    }

    /// A request has been decided in its thread.
    package mutating func settle(_ ticket: Int, as outcome: Outcome) -> [Action] {
        if let user = queueTickets.removeValue(forKey: ticket) { Self.subtract(user, from: &queuedCounts) }
        switch outcome {
        case .started(let place):
            guard let user = slots[.ticket(ticket)] else { preconditionFailure("a run starts in a slot") }
            give(.ticket(ticket))
            begin(place, for: user)
        case .queued(let entry, let settlesUntil):
            give(.ticket(ticket))
            if let settlesUntil { threads[entry.place.thread, default: ThreadQueue()].settlesUntil = settlesUntil }
            add(entry)
        case .nothing:
            give(.ticket(ticket))
        }
        return actions()
    }

    // MARK: The queue

    /// A run is queued: one that the log has had since before this process, or that another process has queued. One that
    /// is known changes nothing.
    package mutating func enqueue(_ entry: Entry) -> [Action] {
        add(entry)
        return actions()
    }

    private mutating func add(_ entry: Entry) {
        guard queuedUsers[entry.place] == nil, bodies[entry.place] == nil else { return }
        queuedUsers[entry.place] = entry.user
        queuedCounts[entry.user, default: 0] += 1
        let thread = entry.place.thread
        var queue = threads[thread] ?? ThreadQueue()
        let index = queue.entries.lastIndex { $0.sequence < entry.sequence }.map { $0 + 1 } ?? 0
        queue.entries.insert(entry, at: index)
        threads[thread] = queue
        refresh(thread)
    }

    /// A run has left the queue: it was ended, or has started elsewhere.
    package mutating func left(_ place: Place) -> [Action] {
        remove(place)
        return actions()
    }

    private mutating func remove(_ place: Place) {
        guard let user = queuedUsers.removeValue(forKey: place) else { return }
        Self.subtract(user, from: &queuedCounts)
        threads[place.thread]?.entries.removeAll { $0.place == place }
        refresh(place.thread)
    }

    /// Something in a thread has ended: what was held may be tried again.
    package mutating func freed(_ thread: ThreadID) -> [Action] {
        guard var queue = threads[thread] else { return [] }
        switch queue.hold {
        case .open:
            guard queue.againAt != nil else { return [] }
            queue.againAt = nil
        case .held: queue.hold = .open
        case .attempted(let run, again: _): queue.hold = .attempted(run, again: true)
        }
        threads[thread] = queue
        refresh(thread)
        return actions()
    }

    /// An attempt to start a run has ended.
    package mutating func attemptEnded(_ place: Place, _ end: AttemptEnd) -> [Action] {
        guard let user = slots[.attempt(place)] else { preconditionFailure("an attempt has a slot") }
        give(.attempt(place))
        var isAgain = false
        if case .attempted(_, let again)? = threads[place.thread]?.hold { isAgain = again }
        switch end {
        case .started, .startedBesideOthers:
            threads[place.thread]?.hold = end == .started && !isAgain ? .held : .open
            begin(place, for: user)
            remove(place)
        case .held:
            // One that comes before it may have become due meanwhile, and is not held by anything.
            let isFirst = threads[place.thread]?.entries.first { isDue($0) }?.place == place
            threads[place.thread]?.hold = isAgain || !isFirst ? .open : .held
        case .later:
            threads[place.thread]?.hold = .open
            // Unless something is known now that was not when the attempt began.
            let isFirst = threads[place.thread]?.entries.first { isDue($0) }?.place == place
            if isFirst, !isAgain {
                threads[place.thread]?.againAt = Timestamp(milliseconds: now.milliseconds + Self.retryMilliseconds)
            }
        case .gone:
            threads[place.thread]?.hold = .open
            remove(place)
        }
        refresh(place.thread)
        return actions()
    }

    // MARK: Bodies

    /// The body of a run has returned.
    package mutating func bodyEnded(_ place: Place) -> [Action] {
        guard bodies.removeValue(forKey: place) != nil else { preconditionFailure("a body ends once") }
        Self.subtract(place.thread, from: &bodyCounts)
        give(.body(place))
        continuing.removeAll { $0 == place }
        refresh(place.thread)
        return actions()
    }

    /// A run waits for a person, or is paused: it needs no slot.
    package mutating func waits(_ place: Place) -> [Action] {
        guard bodies[place] != nil else { return [] }
        continuing.removeAll { $0 == place }
        give(.body(place))
        return actions()
    }

    /// A run that stayed open when an earlier process was lost is about to be taken up. It is followed by
    /// ``endTakingUp(_:for:)``.
    ///
    /// - Returns: `false` when no further runs are taken.
    package mutating func beginTakingUp(_ place: Place) -> Bool {
        guard !isClosed, bodies[place] == nil else { return false }
        return takingUp.insert(place).inserted
    }

    /// The body of such a run works, once it has a slot.
    ///
    /// - Parameter user: the user on whose behalf it runs; `nil` when the run is not taken up.
    package mutating func endTakingUp(_ place: Place, for user: UserID?) -> [Action] {
        takingUp.remove(place)
        if let user {
            bodies[place] = user
            bodyCounts[place.thread, default: 0] += 1
            continuing.append(place)
        }
        return actions()
    }

    /// A run that waited may continue, once it has a slot.
    package mutating func mayContinue(_ place: Place) -> [Action] {
        guard bodies[place] != nil, slots[.body(place)] == nil, !continuing.contains(place) else { return [] }
        continuing.append(place)
        return actions()
    }

    private mutating func begin(_ place: Place, for user: UserID) {
        take(.body(place), for: user)
        bodies[place] = user
        bodyCounts[place.thread, default: 0] += 1
    }

    // MARK: Time and the end

    /// Time has passed.
    package mutating func timePassed(to time: Timestamp) -> [Action] {
        now = max(now, time)
        for thread in delayed.filter({ $0.value <= now }).keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            refresh(thread)
        }
        return actions()
    }

    /// No further run starts. What is queued stays so.
    package mutating func close() -> [Action] {
        guard !isClosed else { return [] }
        isClosed = true
        return actions()
    }

    // MARK: Slots

    private func hasFreeSlot(for user: UserID) -> Bool {
        slots.count < limits.running && slotCounts[user, default: 0] < limits.runningPerUser
    }

    private mutating func take(_ holder: Holder, for user: UserID) {
        guard slots.updateValue(user, forKey: holder) == nil else { return }
        if case .body = holder { bodySlotCount += 1 }
        slotCounts[user, default: 0] += 1
    }

    private mutating func give(_ holder: Holder) {
        guard let user = slots.removeValue(forKey: holder) else { return }
        if case .body = holder { bodySlotCount -= 1 }
        Self.subtract(user, from: &slotCounts)
        if slotCounts[user, default: 0] == limits.runningPerUser - 1 {
            people.wake(user)
            schedules.wake(user)
        }
    }

    private static func subtract<Key: Hashable>(_ key: Key, from counts: inout [Key: Int]) {
        guard let count = counts[key], count > 1 else {
            counts[key] = nil
            return
        }
        counts[key] = count - 1
    }

    // MARK: Turns

    /// The entry of a thread that may be tried is the first one that is not delayed, while nothing holds the thread.
    private mutating func refresh(_ thread: ThreadID) {
        guard var queue = threads[thread] else { return }
        if let old = queue.candidate {
            if old.isScheduled { schedules.remove(old) } else { people.remove(old) }
            queue.candidate = nil
        }
        delayed[thread] = nil
        var next: Timestamp?
        if let settlesUntil = queue.settlesUntil {
            if settlesUntil <= now || bodyCounts[thread] == nil {
                queue.settlesUntil = nil
            } else {
                next = settlesUntil
            }
        }
        if let againAt = queue.againAt {
            if againAt <= now { queue.againAt = nil } else { next = max(next ?? againAt, againAt) }
        }
        if queue.hold == .open, queue.settlesUntil == nil, queue.againAt == nil {
            queue.candidate = queue.entries.first { isDue($0) }
            if queue.candidate == nil { next = queue.entries.compactMap(\.notBefore).min() }
        }
        if let candidate = queue.candidate {
            if candidate.isScheduled { schedules.add(candidate) } else { people.add(candidate) }
        } else if let next, !queue.entries.isEmpty {
            delayed[thread] = next
        }
        if queue.entries.isEmpty, case .attempted = queue.hold {
            // The end of the attempt finds the thread here.
            threads[thread] = queue
        } else {
            threads[thread] = queue.entries.isEmpty ? nil : queue
        }
    }

    private func isDue(_ entry: Entry) -> Bool { entry.notBefore.map { $0 <= now } ?? true }

    /// The actions that are possible now: first those that continue, then new ones as long as there are slots.
    private mutating func actions() -> [Action] {
        var actions: [Action] = []
        var index = 0
        while index < continuing.count {
            let place = continuing[index]
            guard let user = bodies[place], hasFreeSlot(for: user) else {
                index += 1
                continue
            }
            continuing.remove(at: index)
            take(.body(place), for: user)
            actions.append(.proceed(place))
        }
        guard !isClosed else {
            let isLast =
                slots.keys.allSatisfy { if case .body = $0 { true } else { false } } && queueTickets.isEmpty
                && takingUp.isEmpty
            return isLast ? actions + [.finish] : actions
        }
        while slots.count < limits.running, let entry = nextEntry() {
            take(.attempt(entry.place), for: entry.user)
            threads[entry.place.thread]?.hold = .attempted(entry.place.run, again: false)
            refresh(entry.place.thread)
            actions.append(.start(entry))
        }
        return actions
    }

    private mutating func nextEntry() -> Entry? {
        let mayTake = { [slotCounts, limits] (user: UserID) in slotCounts[user, default: 0] < limits.runningPerUser }
        let isTurnOfSchedules = peopleInARow >= Self.peoplePerSchedule
        if isTurnOfSchedules, let entry = schedules.next(where: mayTake) {
            peopleInARow = 0
            return entry
        }
        if let entry = people.next(where: mayTake) {
            peopleInARow = schedules.isEmpty ? 0 : peopleInARow + 1
            return entry
        }
        guard let entry = schedules.next(where: mayTake) else { return nil }
        peopleInARow = 0
        return entry
    }
}
