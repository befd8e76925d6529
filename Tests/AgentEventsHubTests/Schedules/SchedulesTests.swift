import AgentEvents
import AgentEventsProtocol
import AgentEventsTestSupport
import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEventsHub

/// Schedules of a hub, over processes that are killed. It is Saturday, 02:00 in UTC, when they begin.
@Suite(.timeLimit(.minutes(2))) struct SchedulesTests {
    private let clock = ManualClock()
    private let kept = InMemoryEventLog(generations: .counting)

    private static func schedule(
        _ cron: String = "30 * * * *",
        in zone: String = "UTC",
        thread: ThreadID = "t_1",
        agent: AgentName? = nil,
        policy: ConcurrencyPolicy? = nil,
        catchUp: Schedule.CatchUp = .latest
    ) throws -> Schedule {
        try Schedule(
            "s_1", cron, in: zone, user: "u_1", thread: thread, agent: agent, input: "Report.", policy: policy,
            catchUp: catchUp)
    }

    /// A process; it is killed when the body returns.
    private func process(
        _ given: [Schedule] = [],
        log: CutStore? = nil,
        authorizer: any Authorizer = OwnershipAuthorizer(),
        configure: (inout HubConfiguration) -> Void = { _ in },
        _ body: (AgentStage) async throws -> Void
    ) async throws {
        let log = log ?? CutStore(kept)
        var configuration = HubConfiguration()
        configuration.shutdownGrace = .seconds(600)
        configure(&configuration)
        let control = AgentControl()
        let hub = AgentEventsHub(
            runtime: AgentRuntime(
                log: log,
                configuration: RuntimeConfiguration(environment: .manual(clock, seed: .random(in: 1 ... .max)))),
            agents: [StagedAgent(name: "guide", concurrency: AgentConcurrency(), control: control)],
            authorizer: authorizer, schedules: given, configuration: configuration,
            logger: AgentStage.silentLogger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            // The log is cut, and the hub fails.
            tasks.addTask { try? await hub.run() }
            defer {
                log.cut()
                tasks.cancelAll()
                control.releaseAll()
            }
            try await hub.runtime.waitForStart()
            try await body(AgentStage(hub: hub, control: control))
        }
        kept.close()
    }

    /// Lets time pass, once the hub waits for it.
    private func pass(_ duration: Duration) async throws {
        try await clock.waitForSleep(of: .seconds(59))
        clock.advance(by: duration)
    }

    private func skips(_ events: [AgentEvent]) -> [JSONValue] {
        events.compactMap { event in
            guard case .custom(let custom) = event.payload, custom.name == "schedule.skipped" else { return nil }
            return custom.value
        }
    }

    /// The code with which something is refused; `nil` when it is not.
    private func code(_ body: () async throws -> Void) async -> ScheduleError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? ScheduleError)?.code
        }
    }

    private func isRun(_ event: AgentEvent) -> Bool { event.type == .agentStarted }

    private func queued(_ events: [AgentEvent]) -> [AgentQueued] {
        events.compactMap { if case .agentQueued(let queued) = $0.payload { queued } else { nil } }
    }

    @Test func startsItsAgentAtItsTime() async throws {
        try await process { (stage: AgentStage) async throws in
            let schedules = stage.hub.schedules
            try await schedules.put(Self.schedule())
            #expect(try await schedules.all().map(\.next) == [Timestamp(rfc3339: "2026-11-21T02:30:00Z")])
            try await pass(.seconds(1799))
            #expect(try await AgentStage.logged(kept).isEmpty)
            try await clock.waitForSleep(of: .seconds(1))
            clock.advance(by: .seconds(1))
            let events = try await stage.events(until: isRun)
            #expect(queued(events).map(\.scheduleID) == ["s_1"] && queued(events).first?.by == "u_1")
            #expect(events.map(\.type) == [.agentQueued, .agentStarted])
            let run = try #require(events.last?.runID)
            await stage.control.waitForBody(of: run)
            #expect(stage.control.prompt(of: run)?.text == "Report.")
            try await stage.finish(run)
            try await pass(.seconds(3600))
            try await stage.events { isRun($0) && $0.runID != run }
        }
        try await process { (stage: AgentStage) async throws in
            let status = try await stage.hub.schedules.all(of: "u_1")
            #expect(status.map(\.next) == [Timestamp(rfc3339: "2026-11-21T04:30:00Z")])
            #expect(status.map(\.doneUpTo) == [Timestamp(rfc3339: "2026-11-21T03:30:00Z")])
            #expect(try await stage.hub.schedules.all(of: "u_2").isEmpty)
        }
    }

    /// Test 76: one run after a day, and the others are told.
    @Test func afterADayOneIsMadeUpForAndTheOthersAreTold() async throws {
        try await process { (stage: AgentStage) async throws in try await stage.hub.schedules.put(Self.schedule()) }
        clock.advance(by: .seconds(86_400))
        try await process { (stage: AgentStage) async throws in
            let events = try await stage.events(until: isRun)
            #expect(
                skips(events) == [
                    [
                        "schedule_id": "s_1", "reason": "missed", "first": "2026-11-21T02:30:00.000Z",
                        "last": "2026-11-22T00:30:00.000Z", "count": 23,
                    ]
                ])
            #expect(queued(events).count == 1)
        }
    }

    @Test(arguments: [(Schedule.CatchUp.none, 0, 24), (.all(atMost: 3), 3, 21)])
    func othersAreMadeUpForAsItSays(catchUp: Schedule.CatchUp, runs: Int, skipped: Int) async throws {
        try await process { (stage: AgentStage) async throws in
            try await stage.hub.schedules.put(Self.schedule(catchUp: catchUp))
        }
        clock.advance(by: .seconds(86_400))
        try await process { (stage: AgentStage) async throws in
            let count = Mutex(0)
            let events = try await stage.events { event in
                guard runs > 0 else { return event.typeName == "custom" }
                return count.withLock { count in
                    count += event.type == .agentQueued ? 1 : 0
                    return count == runs
                }
            }
            #expect(queued(events).count == runs)
            #expect(skips(events).compactMap { $0["count"]?.integerValue } == [Int64(skipped)])
        }
    }

    /// Test 78: the process is killed between the acceptance of the run and what is stored of it.
    @Test(arguments: [1, 30, 90]) func aCrashAfterTheStartStartsItNoSecondTime(hours: Int64) async throws {
        let log = CutStore(kept)
        try await process(log: log) { (stage: AgentStage) async throws in
            try await stage.hub.schedules.put(Self.schedule("30 2 * * *"))
            log.refuseToSave()
            try await pass(.seconds(1800))
            try await stage.events(until: isRun)
        }
        // Within the day of its key, and after it.
        clock.advance(by: .seconds(hours * 3600))
        try await process { (stage: AgentStage) async throws in
            let next = (hours + 2) / 24
            if next == 0 {
                try await pass(.seconds(86_400))
            }
            let run = try #require(queued(try await AgentStage.logged(kept)).first)
            #expect(run.scheduleID == "s_1")
            let count = Mutex(0)
            let events = try await stage.events { event in
                count.withLock { count in
                    count += event.type == .agentQueued ? 1 : 0
                    return count == 2
                }
            }
            let ids = Set(events.filter { $0.type == .agentQueued }.map(\.runID))
            #expect(ids.count == 2)
            // The first one is not told as one that was skipped.
            #expect(skips(events).allSatisfy { $0["first"]?.stringValue?.hasPrefix("2026-11-21") == false })
        }
    }

    /// It is killed before the run is accepted: it starts then.
    @Test func aCrashBeforeTheStartLosesNothing() async throws {
        let log = CutStore(kept)
        try await process(log: log) { (stage: AgentStage) async throws in
            try await stage.hub.schedules.put(Self.schedule())
            log.cut()
            try await pass(.seconds(1800))
        }
        #expect(try await AgentStage.logged(kept).isEmpty)
        try await process { (stage: AgentStage) async throws in
            let events = try await stage.events(until: isRun)
            #expect(queued(events).map(\.scheduleID) == ["s_1"])
        }
    }

    @Test func aBusyThreadThatRejectsIsToldTheSkip() async throws {
        try await process { (stage: AgentStage) async throws in
            let first = try await stage.send("Hello.")
            try await stage.hub.schedules.put(Self.schedule(policy: .reject, catchUp: .none))
            try await stage.waitForStart(of: first.run)
            try await pass(.seconds(1800))
            let events = try await stage.events { $0.typeName == "custom" }
            #expect(skips(events).map { $0["reason"] } == ["thread.busy"])
            #expect(queued(events).isEmpty)
        }
    }

    /// Test 79: there is no room at its minute.
    @Test func atTheLimitItIsLateAndNotLost() async throws {
        try await process(configure: {
            $0.maximumConcurrentRuns = 1
            $0.maximumQueuedRunsPerUser = 1
        }) { (stage: AgentStage) async throws in
            let first = try await stage.send("one")
            try await stage.waitForStart(of: first.run)
            let second = try await stage.send("two", to: "t_2")
            try await stage.hub.schedules.put(Self.schedule(thread: "t_3"))
            try await pass(.seconds(1800))
            // Refused: the queue is full.
            try await clock.waitForSleep(of: .seconds(1))
            try await stage.finish(first.run)
            try await stage.waitForStart(of: second.run, in: "t_2")
            clock.advance(by: .seconds(1))
            try await stage.events(in: "t_3") { $0.type == .agentQueued }
            try await stage.finish(second.run, in: "t_2")
            let events = try await stage.events(in: "t_3", until: isRun)
            #expect(skips(events).isEmpty)
        }
    }

    @Test func aDeletedThreadTakesItsSchedulesWithIt() async throws {
        try await process { (stage: AgentStage) async throws in
            try await stage.finish(stage.send("Hello.").run)
            try await stage.hub.schedules.put(Self.schedule())
            try await stage.hub.runtime.deleteThread("t_1", user: "u_1")
            try await pass(.seconds(1800))
            while try await !stage.hub.schedules.all().isEmpty { await Task.yield() }
        }
        try await process { (stage: AgentStage) async throws in
            let all = try await stage.hub.schedules.all()
            #expect(all.isEmpty)
        }
    }

    private struct Everybody: Authorizer {
        func rights(_ request: RightsRequest) async throws -> Rights { .all }
    }

    /// The user of the schedule may do everything there by now, but it is not theirs.
    @Test func inAThreadThatAnotherUserHasOpenedNothingRuns() async throws {
        try await process(authorizer: Everybody()) { (stage: AgentStage) async throws in
            try await stage.hub.schedules.put(Self.schedule())
            try await stage.finish(stage.send("Hello.", from: Principal(user: "u_2")).run, user: "u_2")
            try await pass(.seconds(1800))
            while try await stage.hub.schedules.all().first?.doneUpTo != Timestamp(rfc3339: "2026-11-21T02:30:00Z") {
                await Task.yield()
            }
            let events = try await AgentStage.logged(kept)
            #expect(queued(events).isEmpty && skips(events).isEmpty)
        }
    }

    /// Whoever may emit in the thread may name runs, also as the occurrence's would be.
    @Test func aRunThatHasTheIDOfAnOccurrenceIsToldAndIsNotIt() async throws {
        try await process { (stage: AgentStage) async throws in
            let schedule = try Self.schedule()
            try await stage.hub.schedules.put(schedule)
            let time = try #require(Timestamp(rfc3339: "2026-11-21T02:30:00Z"))
            let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(
                EventDraft(runID: ScheduledStarts.run(schedule, time), agent: "other", .agentStarted(AgentStarted())))
            try await pass(.seconds(1800))
            let events = try await stage.events { $0.typeName == "custom" }
            #expect(skips(events).map { $0["reason"] } == ["order.already_started"])
            #expect(queued(events).isEmpty)
        }
    }

    @Test func inTheContextOfAUserThereIsNoSchedule() async throws {
        try await process { (stage: AgentStage) async throws in
            let invalidCode = await code { try await stage.hub.schedules.put(Self.schedule(thread: "context~u_1")) }
            #expect(invalidCode == .invalid)
        }
    }

    /// What is stored of an earlier one is gone, wherever it was.
    @Test func thoseOfTheApplicationLeaveNothingBehind() async throws {
        func places() async throws -> [ThreadID] {
            try await kept.places(of: .schedule, namePrefix: "").map(\.thread)
        }
        let isStored = { (stage: AgentStage) async throws in
            let thread = try #require(try await stage.hub.schedules.all().first).schedule.thread
            while try await !places().contains(thread) { await Task.yield() }
        }
        try await process([Self.schedule(thread: "t_2")], isStored)
        #expect(try await places() == ["t_2"])
        try await process([Self.schedule()], isStored)
        #expect(try await places() == ["t_1"])
        // It is not given any longer, and a user has made one of the same id.
        try await process { (stage: AgentStage) async throws in
            try await stage.hub.schedules.put(Self.schedule(thread: "t_0"))
        }
        #expect(try await places() == ["t_0"])
        try await process { (stage: AgentStage) async throws in
            let all = try await stage.hub.schedules.all()
            #expect(all.map(\.schedule.thread) == ["t_0"])
        }
    }

    @Test func oneThatIsChangedBeginsAnewAndOneThatIsRemovedIsGone() async throws {
        try await process { (stage: AgentStage) async throws in
            let schedules = stage.hub.schedules
            #expect(try await schedules.keep(Self.schedule()).isNew)
            clock.advance(by: .seconds(600))
            #expect(try await !schedules.keep(Self.schedule()).isNew)
            #expect(try await schedules.all().map(\.doneUpTo) == [Timestamp(rfc3339: "2026-11-21T02:00:00Z")])
            // Into another thread.
            try await schedules.put(Self.schedule("45 * * * *", thread: "t_2"))
            #expect(try await schedules.all().map(\.next) == [Timestamp(rfc3339: "2026-11-21T02:45:00Z")])
        }
        try await process { (stage: AgentStage) async throws in
            let schedules = stage.hub.schedules
            #expect(try await schedules.all().map(\.schedule) == [Self.schedule("45 * * * *", thread: "t_2")])
            try await schedules.remove("s_1", of: "u_1")
            let unknownCode = await code { try await schedules.remove("s_1", of: "u_1") }
            #expect(unknownCode == .unknown)
        }
        try await process { (stage: AgentStage) async throws in
            let all = try await stage.hub.schedules.all()
            #expect(all.isEmpty)
        }
    }

    @Test func thoseOfTheApplicationKeepTheirProgress() async throws {
        try await process([Self.schedule()]) { (stage: AgentStage) async throws in
            let status = try await stage.hub.schedules.all()
            #expect(status.map(\.isGiven) == [true])
            let unsupportedCode = await code { try await stage.hub.schedules.remove("s_1", of: "u_1") }
            #expect(unsupportedCode == .unsupported)
            let changedCode = await code { try await stage.hub.schedules.put(Self.schedule("@daily")) }
            #expect(changedCode == .unsupported)
            try await pass(.seconds(1800))
            try await stage.events(until: isRun)
            while try await stage.hub.schedules.all().first?.doneUpTo != Timestamp(rfc3339: "2026-11-21T02:30:00Z") {
                await Task.yield()
            }
        }
        clock.advance(by: .seconds(7200))
        try await process([Self.schedule()]) { (stage: AgentStage) async throws in
            let events = try await stage.events { $0.typeName == "custom" }
            #expect(skips(events).compactMap { $0["first"]?.stringValue } == ["2026-11-21T03:30:00.000Z"])
        }
        // It is not given any longer.
        try await process { (stage: AgentStage) async throws in
            let all = try await stage.hub.schedules.all()
            #expect(all.isEmpty)
        }
    }

    @Test func aZoneThatIsNotKnownIsSaidAndRests() async throws {
        try await process { (stage: AgentStage) async throws in
            let error = await #expect(throws: ScheduleError.self) {
                try await stage.hub.schedules.put(Self.schedule(in: "Europe/Atlantis"))
            }
            #expect(error?.code == .invalid && error?.message.contains("Europe/Atlantis") == true)
            guard ZoneTests.hasData else { return }
            try await stage.hub.schedules.put(Self.schedule(in: "Europe/Berlin"))
        }
        guard ZoneTests.hasData else { return }
        try await process(configure: { $0.zoneFolder = "/nowhere" }) { (stage: AgentStage) async throws in
            let status = try await stage.hub.schedules.all()
            #expect(status.count == 1 && status.first?.next == nil && status.first?.doneUpTo == nil)
        }
        // The data is there again, and nothing was lost meanwhile.
        try await process { (stage: AgentStage) async throws in
            let all = try await stage.hub.schedules.all()
            #expect(all.map(\.next) == [Timestamp(rfc3339: "2026-11-21T02:30:00Z")])
        }
    }

    @Test func theNumberOfAUserIsBounded() async throws {
        try await process { (stage: AgentStage) async throws in
            for number in 0..<Schedules.maximumCountPerUser {
                try await stage.hub.schedules.put(
                    Schedule(ScheduleID(stringLiteral: "s_\(number)"), "@daily", user: "u_1", thread: "t_1"))
            }
            let tooManyCode = await code {
                try await stage.hub.schedules.put(Schedule("more", "@daily", user: "u_1", thread: "t_1"))
            }
            #expect(tooManyCode == .tooMany)
            try await stage.hub.schedules.put(Schedule("s_1", "@hourly", user: "u_1", thread: "t_1"))
            try await stage.hub.schedules.put(Schedule("more", "@daily", user: "u_2", thread: "t_2"))
        }
    }

    @Test func withoutAStoreThoseOfTheApplicationWorkAndNoOthersDo() async throws {
        let bare = BareLog()
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: bare, configuration: RuntimeConfiguration(environment: .manual(clock))),
            agents: [StagedAgent(name: "guide", concurrency: AgentConcurrency(), control: AgentControl())],
            schedules: [try Self.schedule()], logger: AgentStage.silentLogger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await hub.run() }
            defer { tasks.cancelAll() }
            try await hub.runtime.waitForStart()
            let unsupportedCode = await code {
                try await hub.schedules.put(Schedule("more", "@daily", user: "u_1", thread: "t_1"))
            }
            #expect(unsupportedCode == .unsupported)
            try await pass(.seconds(1800))
            for try await event in try await hub.runtime.events(user: "u_1", thread: "t_1") where isRun(event) { break }
        }
    }
}

/// A log that keeps values, until its process is gone.
private final class CutStore: ForwardingLog, SearchableStateStore, DeletingEventLog {
    let log: InMemoryEventLog
    private let state = Mutex((isCut: false, savesNothing: false))

    init(_ log: InMemoryEventLog) { self.log = log }

    func cut() { state.withLock { $0 = (true, true) } }
    func refuseToSave() { state.withLock { $0.savesNothing = true } }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        guard !state.withLock({ $0.isCut }) else { throw EventLogError(.failed, "the power is gone") }
        try await log.append(commit)
    }

    func save(_ values: [StoredValue]) async throws(EventLogError) {
        guard !state.withLock({ $0.savesNothing }) else { throw EventLogError(.failed, "the power is gone") }
        try await log.save(values)
    }

    func places(of kind: StoredValue.Kind, namePrefix: String) async throws(EventLogError) -> [StoredPlace] {
        try await log.places(of: kind, namePrefix: namePrefix)
    }
}
