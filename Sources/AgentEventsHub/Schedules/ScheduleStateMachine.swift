package import AgentEvents

/// Decides which occurrences of schedules start a run, and which are skipped.
///
/// A schedule has one number that is stored: the time up to which all its occurrences are done with. It only grows, and an
/// occurrence is never looked at again once it is below. It is stored before anything else happens for the schedule, so that after a
/// crash one thing at most has happened beyond it: a start, which the log tells by its key, or that skipped ones were told, which may
/// then be told again.
///
/// ```
/// time passes ──> due ──┬── start ──┬── done: its run was accepted ────────────────────> done up to it, saved ──> next
///                       │           ├── refused for good ──> skipped ──┐                   ^
///                       │           └── postponed: late, until the next occurrence is due  │
///                       └── missed, and not made up for ──> skipped ───┴── told in the thread
/// ```
///
/// Of a schedule one thing happens at a time, in the order of the occurrences; of all schedules, a bounded number. The rest waits
/// here, as a number each.
package struct ScheduleStateMachine: Sendable {
    package struct Key: Hashable, Sendable {
        package var user: UserID
        package var id: ScheduleID

        package init(user: UserID, id: ScheduleID) {
            self.user = user
            self.id = id
        }
    }

    /// The times of a schedule.
    package struct Rule: Sendable {
        package var expression: CronExpression
        package var zone: any ZoneRules
        package var catchUp: Schedule.CatchUp

        package init(_ expression: CronExpression, in zone: any ZoneRules, catchUp: Schedule.CatchUp) {
            self.expression = expression
            self.zone = zone
            self.catchUp = catchUp
        }
    }

    /// Something that happens for a schedule; one that was replaced meanwhile has another number.
    package struct Ticket: Hashable, Sendable {
        package let key: Key
        let number: Int
    }

    /// Occurrences that start no run.
    package struct Skip: Hashable, Sendable {
        /// `missed`, or the code of the refusal.
        package var reason: String
        package var first: Timestamp
        package var last: Timestamp
        package var count: Int

        package static let missed = "missed"
    }

    package enum Action: Hashable, Sendable {
        /// Start the run of an occurrence; then ``ended(_:_:at:)``.
        case start(Ticket, Timestamp)
        /// Tell that occurrences are skipped; then ``ended(_:_:at:)``.
        case tell(Ticket, Skip)
        /// Store how far the schedule is done with; then ``ended(_:_:at:)``.
        case save(Ticket)
        /// Its thread is gone, and the schedule with it.
        case forget(Key)
    }

    package enum End: Hashable, Sendable {
        case done
        /// It can never succeed.
        case refused(reason: String)
        /// It may succeed later.
        case postponed(by: Duration?)
        /// The thread is gone.
        case gone
    }

    fileprivate enum Work {
        case starting
        case telling
        case saving
    }

    fileprivate struct Entry {
        var rule: Rule
        var number: Int
        /// All occurrences up to it are done with.
        var done: Timestamp
        /// All occurrences up to it are done with, or among ``due`` and ``skips``.
        var upTo: Timestamp
        /// The first one after that.
        var next: Timestamp?
        /// Those to start, in their order; the first one may be under way.
        var due: [Timestamp] = []
        /// Those to tell of, in their order; the first one may be under way. Two at most, but for those under way.
        var skips: [Skip] = []
        var work: Work?
        var isWaiting = false
        var retryAt: Timestamp?
        var attemptCount = 0

        var hasWork: Bool { !due.isEmpty || !skips.isEmpty }
    }

    /// The lateness from which on an occurrence counts as missed: a minute, in milliseconds.
    fileprivate static let punctuality: Int64 = 60_000
    /// The time in which missed occurrences are counted: 32 days, in milliseconds. The first of them is the first in it.
    fileprivate static let countedMilliseconds: Int64 = 32 * 86_400_000

    private var entries: [Key: Entry] = [:]
    /// Those that have work, and whose turn it is.
    private var waiting = Deque<Key>()
    private var workCount = 0
    private var lastNumber = 0
    private let maximumWorkCount: Int

    /// - Parameter maximumWorkCount: the number of schedules for which something happens at a time.
    package init(maximumWorkCount: Int = 16) { self.maximumWorkCount = maximumWorkCount }

    // MARK: Looking

    package var count: Int { entries.count }

    /// The time up to which a schedule is done with; `nil` for one that is not known.
    package func done(_ key: Key) -> Timestamp? { entries[key]?.done }

    /// The next occurrence, or one that is late.
    package func next(_ key: Key) -> Timestamp? {
        guard let entry = entries[key] else { return nil }
        return entry.due.first ?? entry.next
    }

    /// The time at which ``timePassed(to:)`` would change something.
    package var nextTime: Timestamp? {
        entries.values.lazy.compactMap { entry in
            let retry = entry.work == nil && !entry.isWaiting && entry.hasWork ? entry.retryAt : nil
            guard let next = entry.next, let retry else { return entry.next ?? retry }
            return min(next, retry)
        }.min()
    }

    // MARK: Inputs

    /// A schedule is new, or has taken the place of another one.
    ///
    /// - Parameter done: the time up to which all occurrences are done with.
    package mutating func put(_ key: Key, _ rule: Rule, done: Timestamp, at now: Timestamp) -> [Action] {
        lastNumber += 1
        entries[key] = Entry(
            rule: rule, number: lastNumber, done: done, upTo: done, next: rule.next(after: done))
        entries[key]?.collect(at: now)
        enqueue(key, at: now)
        return takeTurns()
    }

    package mutating func remove(_ key: Key) { entries[key] = nil }

    package mutating func timePassed(to now: Timestamp) -> [Action] {
        for key in entries.keys.sorted(by: Self.precedes) {
            entries[key]?.collect(at: now)
            enqueue(key, at: now)
        }
        return takeTurns()
    }

    /// Something that was to happen has come to an end.
    package mutating func ended(_ ticket: Ticket, _ end: End, at now: Timestamp) -> [Action] {
        workCount -= 1
        var actions: [Action] = []
        if var entry = entries[ticket.key], entry.number == ticket.number, let work = entry.work {
            entry.work = nil
            switch (end, work) {
            case (.done, .starting):
                entry.finish(entry.due.removeFirst())
                entry.work = .saving
            case (.done, .telling), (.refused, .telling):
                // What cannot be told was told to the operator.
                entry.finish(entry.skips.removeFirst().last)
                entry.work = .saving
            case (.done, .saving), (.refused, .saving):
                break
            case (.refused(let reason), .starting):
                let occurrence = entry.due.removeFirst()
                entry.skips.insert(Skip(reason: reason, first: occurrence, last: occurrence, count: 1), at: 0)
                entry.retryAt = nil
                entry.attemptCount = 0
            case (.postponed(let pause), _):
                let usual = Int64(1000) << Int64(min(entry.attemptCount, 6))
                entry.attemptCount += 1
                entry.retryAt = Timestamp(
                    milliseconds: now.milliseconds + max(pause?.milliseconds ?? 0, min(60_000, usual)))
                if work == .starting { entry.dropIfOvertaken() }
            case (.gone, _):
                entries[ticket.key] = nil
                return [.forget(ticket.key)] + takeTurns()
            }
            entries[ticket.key] = entry
            if entry.work == .saving {
                workCount += 1
                actions = [.save(ticket)]
            }
            enqueue(ticket.key, at: now)
        }
        return actions + takeTurns()
    }

    // MARK: Turns

    private static func precedes(_ one: Key, _ other: Key) -> Bool {
        (one.user.rawValue, one.id.rawValue) < (other.user.rawValue, other.id.rawValue)
    }

    private mutating func enqueue(_ key: Key, at now: Timestamp) {
        guard let entry = entries[key], entry.hasWork, entry.work == nil, !entry.isWaiting,
            entry.retryAt.map({ $0 <= now }) ?? true
        else { return }
        entries[key]?.dropIfLate(at: now)
        entries[key]?.isWaiting = true
        waiting.append(key)
    }

    private mutating func takeTurns() -> [Action] {
        var actions: [Action] = []
        while workCount < maximumWorkCount, let key = waiting.popFirst() {
            // It may have been removed, or replaced by one that waits at another place.
            guard var entry = entries[key], entry.isWaiting else { continue }
            entry.isWaiting = false
            let ticket = Ticket(key: key, number: entry.number)
            if let skip = entry.skips.first {
                entry.work = .telling
                actions.append(.tell(ticket, skip))
            } else if let occurrence = entry.due.first {
                entry.work = .starting
                actions.append(.start(ticket, occurrence))
            }
            if entry.work != nil { workCount += 1 }
            entries[key] = entry
        }
        return actions
    }
}

extension ScheduleStateMachine.Entry {
    fileprivate mutating func finish(_ occurrence: Timestamp) {
        done = max(done, occurrence)
        retryAt = nil
        attemptCount = 0
    }

    /// Takes up the occurrences until now, and decides which of them, and of those that are late, are not made up for.
    fileprivate mutating func collect(at now: Timestamp) {
        guard let next, next <= now else { return }
        let found = rule.occurrences(from: next, through: now)
        upTo = found.last
        self.next = rule.next(after: upTo)
        // What is under way is not taken back.
        let underWay = work == .starting ? Array(due.prefix(1)) : []
        let open = Array(due.dropFirst(underWay.count)) + found.newest
        let isPunctual = now.milliseconds - found.last.milliseconds < ScheduleStateMachine.punctuality
        let keptCount = rule.catchUp.count(isPunctual: isPunctual)
        let missed = open.dropLast(keptCount)
        due = underWay + open.suffix(keptCount)
        let missedCount = missed.count + found.count - found.newest.count
        guard missedCount > 0, let last = missed.last else { return }
        let first = min(missed.first ?? last, found.count > found.newest.count ? found.first : last)
        skip(
            ScheduleStateMachine.Skip(
                reason: ScheduleStateMachine.Skip.missed, first: first, last: last, count: missedCount))
    }

    /// The first one was under way when others became due, and is late now: it comes before what is skipped of them, or is one of
    /// too many.
    fileprivate mutating func dropIfOvertaken() {
        guard let first = due.first, !skips.isEmpty || due.count > max(1, rule.catchUp.count(isPunctual: true)) else {
            return
        }
        due.removeFirst()
        retryAt = nil
        attemptCount = 0
        if skips.first?.reason == ScheduleStateMachine.Skip.missed {
            skips[0].first = first
            skips[0].count += 1
        } else {
            skips.insert(
                ScheduleStateMachine.Skip(
                    reason: ScheduleStateMachine.Skip.missed, first: first, last: first, count: 1), at: 0)
        }
    }

    /// Those that were postponed, or had to wait for others of the schedule, until they are a minute late: they are not made up for
    /// when none are.
    fileprivate mutating func dropIfLate(at now: Timestamp) {
        guard rule.catchUp.count(isPunctual: false) == 0 else { return }
        while let first = due.first, now.milliseconds - first.milliseconds >= ScheduleStateMachine.punctuality {
            due.removeFirst()
            retryAt = nil
            attemptCount = 0
            skip(
                ScheduleStateMachine.Skip(
                    reason: ScheduleStateMachine.Skip.missed, first: first, last: first, count: 1))
        }
    }

    private mutating func skip(_ skip: ScheduleStateMachine.Skip) {
        let isLastUnderWay = work == .telling && skips.count == 1
        guard !isLastUnderWay, let last = skips.last, last.reason == skip.reason else { return skips.append(skip) }
        skips[skips.count - 1].last = skip.last
        skips[skips.count - 1].count += skip.count
    }
}

extension Schedule.CatchUp {
    /// The number of occurrences that are made up for.
    fileprivate func count(isPunctual: Bool) -> Int {
        switch self {
        case .latest: 1
        case .none: isPunctual ? 1 : 0
        case .all(let count): count
        }
    }
}

extension ScheduleStateMachine.Rule {
    /// The first occurrence after a time.
    func next(after time: Timestamp) -> Timestamp? {
        expression.next(after: time.milliseconds.floored(by: 1000).quotient, in: zone)
            .map { Timestamp(milliseconds: $0 * 1000) }
    }

    fileprivate struct Occurrences {
        var first: Timestamp
        var last: Timestamp
        /// One more than are made up for, in their order.
        var newest: [Timestamp]
        var count: Int
    }

    /// - Parameter first: an occurrence, not after `end`.
    fileprivate func occurrences(from first: Timestamp, through end: Timestamp) -> Occurrences {
        let keptCount = Schedule.maximumCatchUpCount + 1
        var first = first
        // After an outage of years not every minute of it is counted.
        let start = Timestamp(milliseconds: end.milliseconds - ScheduleStateMachine.countedMilliseconds)
        if first < start, let later = next(after: start), later <= end { first = later }
        var found = Occurrences(first: first, last: first, newest: [first], count: 1)
        while let next = next(after: found.last), next <= end {
            found.last = next
            found.count += 1
            found.newest.append(next)
            if found.newest.count > 2 * keptCount { found.newest.removeFirst(keptCount) }
        }
        return found
    }
}
