public import AgentEvents
import AgentEventsProtocol
import Logging
import Synchronization

/// The schedules of a hub: carries out what ``ScheduleStateMachine`` decides.
///
/// They are stored beside the log, in their threads, by a log that is a `SearchableStateStore`; with any other log, those that the
/// application gives begin anew with each process, and there are no others.
public final class Schedules: Sendable {
    /// The most schedules of a user, without those of the application.
    public static let maximumCountPerUser = 64
    /// The most schedules in all.
    public static let maximumCount = 10_000
    /// The time after which it is looked at the clock again, which may be moved: a little less than a minute, in milliseconds.
    private static let longestPause: Int64 = 59_000
    /// The schedules that are stored at a time.
    private static let batchCount = 500

    private struct State {
        var machine = ScheduleStateMachine()
        var kept: [ScheduleStateMachine.Key: KeptSchedule] = [:]
        /// The schedules whose progress is not stored, with what waits for that.
        var unsaved: [ScheduleStateMachine.Key: [ScheduleStateMachine.Ticket]] = [:]
        var isSaving = false
        /// Whether what is unsaved could not be stored, and is tried again.
        var hasFailedToSave = false
        /// When this process began to carry them out.
        var begunAt = Timestamp(milliseconds: 0)
    }

    private typealias Stored = (kept: KeptSchedule, done: Timestamp)

    private let runtime: AgentRuntime
    private let starter: ScheduledStarts
    private let zones: any ZoneSource
    private let given: [Schedule]
    private let store: (any SearchableStateStore)?
    private let logger: Logger
    private let state = Mutex(State())
    /// Carries out one change at a time, the storing of progress among them.
    private let changes = WorkerPool(workerCount: 1)
    /// Starts runs; the machine bounds how many there are.
    private let works = WorkerPool(workerCount: nil)
    /// Signalled when time will change something sooner.
    private let timer = WakeSignal()

    init(
        runtime: AgentRuntime,
        intake: MessageIntake,
        given: [Schedule],
        zones: any ZoneSource,
        logger: Logger
    ) {
        self.runtime = runtime
        starter = ScheduledStarts(runtime: runtime, intake: intake, logger: logger)
        self.zones = zones
        self.given = given
        self.logger = logger
        store = runtime.log as? any SearchableStateStore
    }

    private var now: Timestamp { runtime.environment.wallClock.now() }

    // MARK: For applications

    /// Keeps a schedule, in the place of one of the same user and id, and returns when it is stored. Its first occurrence is the next
    /// one from now on; what was late of the earlier one is dropped. The same schedule again changes nothing. Called from anywhere,
    /// once the hub runs.
    ///
    /// - Throws: ``ScheduleError``; then nothing has changed.
    public func put(_ schedule: Schedule) async throws(ScheduleError) {
        _ = try await keep(schedule)
    }

    /// Removes a schedule, and returns when that is stored. Runs that it has started stay. Called from anywhere, once the hub runs.
    ///
    /// - Throws: ``ScheduleError``, among others `schedule.unknown`.
    public func remove(_ id: ScheduleID, of user: UserID) async throws(ScheduleError) {
        try await change { [self] () async throws(ScheduleError) in
            let key = ScheduleStateMachine.Key(user: user, id: id)
            guard let kept = state.withLock({ $0.kept[key] }) else { throw .unknown(id) }
            guard !kept.isGiven else { throw .isGiven(id) }
            try await save([kept.removed])
            state.withLock { state in
                state.kept[key] = nil
                state.machine.remove(key)
            }
        }
    }

    /// The schedules of a user, or of all, by their users and ids. Called from anywhere, once the hub runs.
    ///
    /// - Throws: ``ScheduleError`` `schedule.not_stored` when the hub stops.
    public func all(of user: UserID? = nil) async throws(ScheduleError) -> [ScheduleStatus] {
        try await change { [self] () async throws(ScheduleError) in
            state.withLock { state in
                state.kept.values.filter { user == nil || $0.schedule.user == user }.map { Self.status($0, in: state) }
                    .sorted {
                        ($0.schedule.user.rawValue, $0.schedule.id.rawValue)
                            < ($1.schedule.user.rawValue, $1.schedule.id.rawValue)
                    }
            }
        }
    }

    /// The same, with what is to come of it, and whether it is new.
    package func keep(_ schedule: Schedule) async throws(ScheduleError) -> (status: ScheduleStatus, isNew: Bool) {
        try await change { [self] () async throws(ScheduleError) in
            guard store != nil else {
                throw ScheduleError(.unsupported, "the log of this service stores no schedules")
            }
            let rule = try rule(of: schedule)
            let (known, rests) = state.withLock {
                ($0.kept[schedule.key], $0.machine.done(schedule.key) == nil)
            }
            if let known, known.isGiven { throw .isGiven(schedule.id) }
            if rests || known?.schedule != schedule {
                try checkCount(adding: schedule.key)
                let (kept, now) = (KeptSchedule(schedule, isGiven: false), now)
                let earlier = known.flatMap { $0.schedule.thread == schedule.thread ? nil : $0.removed }
                try await save([earlier, kept.stored(done: now)].compactMap(\.self))
                perform { state in
                    state.kept[schedule.key] = kept
                    return state.machine.put(schedule.key, rule, done: now, at: now)
                }
                timer.signal()
            }
            let status = state.withLock { Self.status(KeptSchedule(schedule, isGiven: false), in: $0) }
            return (status, known == nil)
        }
    }

    /// Looks whether the zones of the schedules that the application gives are known here.
    ///
    /// - Throws: ``ScheduleError`` `schedule.invalid`.
    func checkGiven() throws(ScheduleError) {
        var keys: Set<ScheduleStateMachine.Key> = []
        for schedule in given {
            _ = try rule(of: schedule)
            guard keys.insert(schedule.key).inserted else {
                throw ScheduleError(.invalid, "the schedule \(schedule.id) of \(schedule.user) is given twice")
            }
        }
    }

    private func rule(of schedule: Schedule) throws(ScheduleError) -> ScheduleStateMachine.Rule {
        guard !ContextThread.isReserved(schedule.thread) else {
            throw ScheduleError(.invalid, "no agent works in the context of a user: a schedule is for another thread")
        }
        guard let zone = zones.rules(named: schedule.zone) else {
            let hasAny = zones.rules(named: "Europe/Berlin") != nil
            throw ScheduleError(
                .invalid,
                "the zone \(schedule.zone.prefix(64)) is not known here: "
                    + (hasAny
                        ? "it is UTC, or a name of the IANA time zone database such as Europe/Berlin"
                        : "this machine has no data of zones but UTC; the package tzdata has it"))
        }
        return ScheduleStateMachine.Rule(schedule.expression, in: zone, catchUp: schedule.catchUp)
    }

    private func checkCount(adding key: ScheduleStateMachine.Key) throws(ScheduleError) {
        let (count, own, isKnown) = state.withLock { state in
            (
                state.kept.count, state.kept.count { $0.key.user == key.user && !$0.value.isGiven },
                state.kept[key] != nil
            )
        }
        guard !isKnown else { return }
        guard own < Self.maximumCountPerUser else {
            throw ScheduleError(.tooMany, "a user has at most \(Self.maximumCountPerUser) schedules: remove one first")
        }
        guard count < Self.maximumCount else {
            throw ScheduleError(.tooMany, "there are as many schedules here as there may be: \(Self.maximumCount)")
        }
    }

    private static func status(_ kept: KeptSchedule, in state: State) -> ScheduleStatus {
        let key = kept.schedule.key
        return ScheduleStatus(
            schedule: kept.schedule, next: state.machine.next(key),
            doneUpTo: state.machine.done(key), isGiven: kept.isGiven)
    }

    /// A thread was deleted, and its schedules with it.
    func forget(_ thread: ThreadID) {
        state.withLock { state in
            for (key, kept) in state.kept where kept.schedule.thread == thread {
                state.kept[key] = nil
                state.machine.remove(key)
            }
        }
    }

    // MARK: Life

    /// Carries out schedules until ``finish()``, once the log is open.
    func run() async {
        await withTaskGroup { group in
            group.addTask {
                await self.load()
                // Whatever is asked before waits for it.
                await self.changes.run()
            }
            group.addTask { await self.works.run() }
            group.addTask { await self.watchTime() }
            // The time has no end of its own.
            await group.next()
            group.cancelAll()
        }
    }

    func finish() {
        changes.finish()
        works.finish()
        timer.finish()
    }

    private func load() async {
        var stored: [Stored] = []
        while true {
            do throws(EventLogError) {
                stored = try await readStored()
                break
            } catch {
                logger.error("schedules not read, trying again", metadata: ["error.code": "\(error.code)"])
                guard (try? await runtime.environment.sleep(.seconds(1))) != nil else { return }
            }
        }
        let now = now
        state.withLock { $0.begunAt = now }
        let given = Dictionary(given.map { ($0.key, $0) }) { _, later in later }
        var progress: [ScheduleStateMachine.Key: Timestamp] = [:]
        var schedules: [Stored] = []
        var leftOver: [StoredValue] = []
        for (kept, done) in stored {
            let schedule = given[kept.schedule.key]
            switch (kept.isGiven, schedule) {
            case (true, let schedule?) where schedule.thread == kept.schedule.thread:
                // Only its progress counts of what is stored: the application says what it is.
                if schedule == kept.schedule { progress[schedule.key] = done }
            case (true, _):
                // It is given no longer, or in another thread: what is stored of it would stand beside that of a later one.
                leftOver.append(kept.removed)
            case (false, nil): schedules.append((kept, done))
            case (false, _?): break
            }
        }
        for schedule in self.given {
            schedules.append((KeptSchedule(schedule, isGiven: true), progress[schedule.key] ?? now))
        }
        // What cannot be removed, which the log says, is left over at the next start again, and counts for nothing until then.
        try? await save(leftOver)
        for (kept, storedDone) in schedules {
            let schedule = kept.schedule
            var done = storedDone
            let rule: ScheduleStateMachine.Rule?
            do throws(ScheduleError) {
                rule = try self.rule(of: schedule)
            } catch {
                rule = nil
                logger.error(
                    "schedule rests: \(error.message)",
                    metadata: ["schedule.id": "\(schedule.id)", "thread.id": "\(schedule.thread)"])
            }
            // What a process before this one has done, and could not store any longer.
            while let next = rule?.next(after: done), next <= now, await starter.isDone(schedule, next) {
                done = next
            }
            perform { [done] state in
                state.kept[schedule.key] = kept
                if kept.isGiven { state.unsaved[schedule.key, default: []] += [] }
                return rule.map { state.machine.put(schedule.key, $0, done: done, at: now) } ?? []
            }
        }
        timer.signal()
    }

    private func readStored() async throws(EventLogError) -> [Stored] {
        guard let store else { return [] }
        var stored: [Stored] = []
        for place in try await store.places(of: .schedule, namePrefix: "") {
            guard let bytes = try await store.load(.schedule, thread: place.thread, name: place.name) else { continue }
            guard let read = KeptSchedule.read(bytes) else {
                logger.error("stored schedule not understood", metadata: ["thread.id": "\(place.thread)"])
                continue
            }
            stored.append(read)
        }
        return stored
    }

    /// Looks at the schedules when one is due. The wall clock may be moved, so it is looked once a minute at least.
    private func watchTime() async {
        while !Task.isCancelled {
            let (next, hasFailedToSave) = state.withLock { ($0.machine.nextTime, $0.hasFailedToSave) }
            let now = now
            if let next, next <= now {
                perform { $0.machine.timePassed(to: now) }
                continue
            }
            guard next != nil || hasFailedToSave else {
                guard await timer.wait() else { return }
                continue
            }
            let longest = hasFailedToSave ? 1000 : Self.longestPause
            let pause = Duration.milliseconds(min(longest, next?.milliseconds(since: now) ?? longest))
            let wake = await withTaskGroup(of: Wake.self) { group in
                group.addTask { await self.timer.wait() ? .signalled : .over }
                group.addTask {
                    // A cancelled sleep is the end of the pause as well.
                    try? await self.runtime.environment.sleep(pause)
                    return .slept
                }
                let wake = await group.next() ?? .over
                group.cancelAll()
                return wake
            }
            switch wake {
            case .over: return
            case .signalled: continue
            case .slept:
                // What could not be stored is tried again.
                perform { _ in [] }
            }
        }
    }

    private enum Wake: Sendable {
        case signalled
        case slept
        /// No further signal comes.
        case over
    }

    // MARK: Carrying out

    private func perform(_ input: (inout State) -> [ScheduleStateMachine.Action]) {
        let (actions, saves) = state.withLock { state in
            let actions = input(&state)
            for case .save(let ticket) in actions { state.unsaved[ticket.key, default: []].append(ticket) }
            for case .forget(let key) in actions { state.kept[key] = nil }
            let saves = !state.unsaved.isEmpty && !state.isSaving
            if saves { state.isSaving = true }
            return (actions, saves)
        }
        for action in actions {
            switch action {
            case .start(let ticket, let occurrence):
                works.submit { await self.start(ticket, occurrence) }
            case .tell(let ticket, let skip):
                works.submit { await self.tell(ticket, skip) }
            case .save, .forget:
                break
            }
        }
        if saves { changes.submit { await self.saveProgress() } }
    }

    private func start(_ ticket: ScheduleStateMachine.Ticket, _ occurrence: Timestamp) async {
        let (kept, begunAt) = state.withLock { ($0.kept[ticket.key], $0.begunAt) }
        guard let schedule = kept?.schedule else { return end(ticket, .gone) }
        let lateness = now.milliseconds(since: max(occurrence, begunAt))
        end(ticket, await starter.start(schedule, occurrence, lateness: lateness))
    }

    private func tell(_ ticket: ScheduleStateMachine.Ticket, _ skip: ScheduleStateMachine.Skip) async {
        guard let schedule = state.withLock({ $0.kept[ticket.key]?.schedule }) else { return end(ticket, .gone) }
        end(ticket, await starter.tell(schedule, skip))
    }

    private func end(_ ticket: ScheduleStateMachine.Ticket, _ end: ScheduleStateMachine.End) {
        let now = now
        perform { $0.machine.ended(ticket, end, at: now) }
        if case .postponed = end { timer.signal() }
    }

    /// Stores how far schedules are done with: of many at once, when many were due.
    private func saveProgress() async {
        while true {
            let (unsaved, values) = state.withLock { state in
                let unsaved = Array(state.unsaved.prefix(Self.batchCount))
                for (key, _) in unsaved { state.unsaved[key] = nil }
                if unsaved.isEmpty { (state.isSaving, state.hasFailedToSave) = (false, false) }
                // One that was removed meanwhile has nothing to store.
                let values = unsaved.compactMap { key, _ in
                    state.machine.done(key).flatMap { done in state.kept[key].map { $0.stored(done: done) } }
                }
                return (unsaved, values)
            }
            guard !unsaved.isEmpty else { return }
            do throws(ScheduleError) {
                try await save(values)
                for ticket in unsaved.flatMap(\.value) { end(ticket, .done) }
            } catch {
                // It is tried again in a moment; nothing else happens for these schedules until then.
                state.withLock { state in
                    for (key, tickets) in unsaved { state.unsaved[key, default: []] += tickets }
                    (state.isSaving, state.hasFailedToSave) = (false, true)
                }
                timer.signal()
                return
            }
        }
    }

    private func save(_ values: [StoredValue]) async throws(ScheduleError) {
        guard let store, !values.isEmpty else { return }
        do throws(EventLogError) {
            try await store.save(values)
        } catch {
            logger.warning("schedules not stored", metadata: ["error.code": "\(error.code)"])
            throw ScheduleError(.notStored, "the schedule could not be stored; try again")
        }
    }

    private func change<Value: Sendable>(
        _ body: @escaping @Sendable () async throws(ScheduleError) -> Value
    ) async throws(ScheduleError) -> Value {
        let result: Result<Value, ScheduleError> = await withCheckedContinuation { continuation in
            let isAccepted = changes.submit {
                do throws(ScheduleError) {
                    continuation.resume(returning: .success(try await body()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
            if !isAccepted {
                continuation.resume(returning: .failure(ScheduleError(.notStored, "the hub stops; try again soon")))
            }
        }
        return try result.get()
    }
}

extension ScheduleError {
    package static func unknown(_ id: ScheduleID) -> ScheduleError {
        ScheduleError(.unknown, "there is no schedule \(id)")
    }

    fileprivate static func isGiven(_ id: ScheduleID) -> ScheduleError {
        ScheduleError(.unsupported, "the schedule \(id) is given by the application, and changed there")
    }
}
