import AgentEvents
import AgentEventsTesting
import Synchronization
import Testing

/// Values of a thread's context: set, read, and gone at their time. The numbers are those of the cases in the design.
@Suite(.timeLimit(.minutes(10))) struct ContextValueTests {
    private struct City: Codable, Hashable, Sendable { var name: String }

    /// A clock that tests move.
    private final class Now: Sendable {
        private let milliseconds = Mutex<Int64>(1_000_000)

        var time: Timestamp { Timestamp(milliseconds: milliseconds.withLock { $0 }) }

        func advance(_ count: Int64) { milliseconds.withLock { $0 += count } }

        var configuration: RuntimeConfiguration {
            var configuration = RuntimeConfiguration()
            configuration.clock = WallClock { self.time }
            return configuration
        }
    }

    /// The changes of values, with their versions, and everything else by its type.
    private static func words(_ events: [AgentEvent]) -> [String] {
        events.map { event in
            guard case .stateUpdated(let update) = event.payload else { return event.typeName }
            let value =
                if case .value(let value) = update.change { String(decoding: value.encoded(), as: UTF8.self) } else {
                    "-"
                }
            return "\(update.version) \(update.key)=\(value)" + (update.reason.map { " \($0)" } ?? "")
        }
    }

    private static func code(_ body: () async throws -> Void) async -> AgentEventsError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? AgentEventsError
        }
    }

    @Test(arguments: CommandStage.logs) func aRunSetsAndReads(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            try await stage.run { run in
                let city = ContextKey<City>("city")
                #expect(try await run.context.value(city) == nil)
                let first = try await run.context.set(City(name: "Berlin"), for: city)
                #expect(first == 1)
                #expect(try await run.context.value("city", as: City.self) == City(name: "Berlin"))
                #expect(try await run.context.set(City(name: "Hamburg"), for: city, ifVersion: first) == 2)
                #expect(try await run.context.set("x", for: "other") == 3)
                #expect(try await run.context.entries().map(\.key) == ["city", "other"])
                #expect(try await run.context.removeValue(for: "city") == true)
                #expect(try await run.context.removeValue(for: "city") == false)
                #expect(try await run.context.value(city) == nil)
            }
            let events = try await stage.events
            #expect(
                Self.words(events) == [
                    "agent_started", #"1 city={"name":"Berlin"}"#, #"2 city={"name":"Hamburg"}"#, #"3 other="x""#,
                    "4 city=-", "agent_completed",
                ])
            let state = try await stage.runtime.state(of: "t_1", user: "u_1")
            let now = Timestamp(milliseconds: 0)
            #expect(state.entry("city", at: now) == nil && state.entry("other", at: now)?.value == "x")
        }
    }

    /// 72: two writers, one version: one of them is told what the other has set.
    @Test(arguments: CommandStage.logs) func twoWritersOneConflict(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            let version = try await stage.context.set("a", for: "k")
            async let one = Self.code { try await stage.context.set("b", for: "k", ifVersion: version) }
            async let other = Self.code { try await stage.context.set("c", for: "k", ifVersion: version) }
            let errors = await [one, other].compactMap(\.self)
            let error = try #require(errors.first)
            #expect(errors.count == 1 && error.code == .stateConflict && !error.isRetryable)
            let met = try #require(error.details?.value)
            let kept = try await stage.context.entry("k")
            #expect(met.version == 2 && met.value == kept?.value && met.time == kept?.time)
            #expect(try await stage.events.count == 2)
            // One that must not be there.
            let exists = await Self.code { try await stage.context.set("d", for: "k", ifVersion: 0) }
            #expect(exists?.code == .stateConflict)
            #expect(try await stage.context.set("d", for: "l", ifVersion: 0) == 3)
        }
    }

    /// 73: by the times of events: later set wins, and what has expired is removed first.
    @Test(arguments: CommandStage.logs, [(99, false), (100, true), (101, true)] as [(Int64, Bool)])
    func expiryAndSet(contended: Bool, _ at: (milliseconds: Int64, isOver: Bool)) async throws {
        let now = Now()
        try await CommandStage.with(contended: contended, now.configuration) { stage in
            try await stage.context.set("a", for: "k", ttl: .milliseconds(100))
            now.advance(at.milliseconds)
            let error = await Self.code { try await stage.context.set("b", for: "k", ifVersion: 1) }
            #expect(error?.code == (at.isOver ? .stateConflict : nil))
            #expect(error?.details?.value?.version == (at.isOver ? 0 : nil))
            #expect(
                Self.words(try await stage.events)
                    == (at.isOver ? [#"1 k="a""#, "2 k=- expired"] : [#"1 k="a""#, #"2 k="b""#]))
            // Set again, it is not what had expired.
            now.advance(1_000)
            #expect(try await stage.context.entry("k")?.value == (at.isOver ? nil : "b"))
        }
    }

    /// At the latest before the next event of the thread, whatever that is.
    @Test(arguments: CommandStage.logs) func expiryIsLoggedBeforeTheNextEvent(contended: Bool) async throws {
        let now = Now()
        try await CommandStage.with(contended: contended, now.configuration) { stage in
            try await stage.context.set(1, for: "b", ttl: .milliseconds(200))
            try await stage.context.set(2, for: "a", ttl: .milliseconds(200))
            try await stage.context.set(3, for: "first", ttl: .milliseconds(100))
            try await stage.context.set(4, for: "later", ttl: .milliseconds(1_000_000))
            now.advance(200)
            // It reads as absent before anything is logged.
            #expect(try await stage.context.entry("first") == nil)
            try await stage.context.emit(EventDraft(.custom(CustomEvent(name: "x", value: nil))))
            let words = Self.words(try await stage.events)
            #expect(
                words.suffix(4) == ["5 first=- expired", "6 a=- expired", "7 b=- expired", "custom"])
            #expect(try await stage.context.entries().map(\.key) == ["later"])
        }
    }

    /// By an event that gives its own time, too; with nothing else in the thread the timer logs it.
    @Test(arguments: CommandStage.logs) func expiryIsLoggedByTheTimer(contended: Bool) async throws {
        let clock = ManualClock()
        var configuration = RuntimeConfiguration()
        configuration.clock = clock.wallClock
        configuration.durationClock = clock
        let wall = clock.wallClock
        try await CommandStage.with(contended: contended, configuration) { stage in
            try await stage.context.set("a", for: "k", ttl: .seconds(10))
            let raw = StateUpdated(
                version: 5, key: "raw", change: .value(1),
                expiresAt: Timestamp(milliseconds: wall.now().milliseconds + 20_000))
            try await stage.context.emit(EventDraft(.stateUpdated(raw)))
            try await stage.runtime.flush()
            async let expired: Void = stage.wait(for: .stateUpdated, count: 4)
            // The sweep sleeps until then; each look is one more sleep.
            let mover = Task {
                while !Task.isCancelled {
                    clock.advance(by: .seconds(1))
                    await Task.yield()
                }
            }
            try await expired
            mover.cancel()
            #expect(
                Self.words(try await stage.events) == [#"1 k="a""#, "5 raw=1", "6 k=- expired", "7 raw=- expired"])
        }
    }

    /// Over restarts, also where nobody has the thread in memory.
    @Test(arguments: [false, true]) func expirySurvivesTheProcess(waitsForTimer: Bool) async throws {
        let now = Now()
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log, configuration: now.configuration) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await context.set("a", for: "k", ttl: .milliseconds(100))
            try await context.set("b", for: "l")
            try await runtime.flush()
        }
        log.close()
        now.advance(100)
        try await withAgentRuntime(log: log, configuration: now.configuration) { runtime in
            if waitsForTimer {
                var count = 0
                for try await event in try await runtime.events(user: "u_1", thread: "t_1") {
                    if event.type == .stateUpdated { count += 1 }
                    if count == 3 { break }
                }
            } else {
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                try await context.emit(EventDraft(.custom(CustomEvent(name: "x", value: nil))))
                try await runtime.flush()
            }
            let words = Self.words(try await ContendedThreadTests.events(log))
            #expect(words.prefix(3) == [#"1 k="a""#, #"2 l="b""#, "3 k=- expired"])
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            #expect(try await context.set("c", for: "k", ifVersion: 0) == 4)
        }
    }

    /// 74: a state at any place and the events after it are the whole.
    @Test func aSnapshotContinues() async throws {
        let now = Now()
        try await CommandStage.with(now.configuration) { stage in
            var randomness = SeededGenerator(seed: 74)
            for number in 0..<60 {
                now.advance(Int64(randomness.below(40)))
                let key = "k_\(randomness.below(6))"
                if randomness.percent(20) {
                    try await stage.context.removeValue(for: key)
                } else {
                    let ttl: Duration? = randomness.percent(60) ? .milliseconds(1 + randomness.below(100)) : nil
                    try await stage.context.set(number, for: key, ttl: ttl)
                }
            }
            let events = try await stage.events
            #expect(Self.words(events).contains { $0.hasSuffix("expired") })
            let whole = ThreadState(folding: events)
            for count in 0...events.count {
                var state = try ThreadState(json: ThreadState(folding: events.prefix(count)).json)
                for event in events.dropFirst(count) { state.apply(event) }
                #expect(state == whole)
            }
            // The context that decides has the same.
            let kept = try await stage.context.entries()
            let folded = whole.entries.filter { $0.isThere(at: now.time) }
            #expect(Set(kept.map { "\($0.key) \($0.version)" }) == Set(folded.map { "\($0.key) \($0.version)" }))
        }
    }

    /// A program outside meets the limits, too, and nothing is logged then.
    @Test func emittedValuesFitIn() async throws {
        try await CommandStage.with { stage in
            func emit(_ updates: [StateUpdated]) async -> AgentEventsError? {
                await Self.code {
                    _ = try await stage.context.emit(
                        updates.map { EventDraft(.stateUpdated($0)) }, as: nil, host: .outside, by: "u_1")
                }
            }
            let large = JSONValue.string(String(repeating: "x", count: 64 * 1024))
            let ok = StateUpdated(version: 1, key: "k", change: .value(1))
            let error = await emit([ok, StateUpdated(version: 2, key: "l", change: .value(large))])
            #expect(error?.code == .stateValueTooLarge && error?.index == 1)
            let many = (1...1001).map { StateUpdated(version: Int64($0), key: "k_\($0)", change: .value(1)) }
            let tooMany = await emit(many)
            #expect(tooMany?.code == .stateTooManyKeys && tooMany?.index == 1000)
            let before = try await stage.events
            #expect(before.isEmpty)
            #expect(await emit([ok]) == nil)
            let version = try await stage.context.set(2, for: "k", ifVersion: 1)
            #expect(version == 2)
        }
    }

    /// Of what is set one name says when to look at the thread, and of what is refused none.
    @Test func whatIsRefusedLeavesNothingStored() async throws {
        try await CommandStage.with { stage in
            let store = try #require(stage.log as? InMemoryEventLog)
            func names() async throws -> [String] {
                try await store.places(of: .expiry, namePrefix: "").map(\.name)
            }
            try await stage.context.set(0, for: "k")
            for ttl in (1...20).reversed() {
                let error = await Self.code {
                    try await stage.context.set(1, for: "k", ttl: .seconds(ttl), ifVersion: 9)
                }
                #expect(error?.code == .stateConflict)
            }
            #expect(try await names().isEmpty)
            for ttl in (1...20).reversed() { try await stage.context.set(1, for: "k", ttl: .seconds(60 * ttl)) }
            #expect(try await names().count == 1)
        }
    }

    @Test func keysOfTheServiceAreItsOwn() async throws {
        try await CommandStage.with { stage in
            for key in ["~access", "~x", "grant/deploy"] {
                let error = await Self.code { try await stage.context.set(1, for: key) }
                #expect(error?.code == .stateForbidden)
            }
            let events = try await stage.events
            #expect(events.isEmpty)
        }
    }

    /// The same request again is the same change.
    @Test func aKeyIsUsedOnce() async throws {
        try await CommandStage.with { stage in
            func set(_ value: JSONValue) async throws -> CommandReceipt {
                try await stage.context.carryOut(
                    ContextChange(.set(value, timeToLive: .seconds(5)), of: "k", by: "u_1"), key: "key_1")
            }
            let first = try await set(1)
            let again = try await set(1)
            #expect(first.outcome == .done && again.outcome == .repeated && again.cursors == first.cursors)
            #expect(first.details?.value?.version == 1 && again.details?.value?.version == 1)
            let other = await Self.code { _ = try await set(2) }
            #expect(other?.code == .keyConflict)
            #expect(try await stage.events.count == 1)
        }
    }
}
