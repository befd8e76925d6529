public import AgentEvents
public import Testing

/// The contract of every log that can delete threads, as checks for a test, in addition to those of ``EventLogConformance``.
///
/// ```swift
/// @Test func conforms() async throws {
///     try await DeletingLogConformance(make: { MyLog() }).run()
/// }
/// ```
///
/// Faults are reported as issues of the running test, at the place where the suite was made.
public struct DeletingLogConformance: ConformanceSuite {
    /// Makes an empty log that is not open.
    public typealias Make = @Sendable () async throws -> any DeletingEventLog
    /// Ends the use of a log and gives one, not open, that holds the same.
    public typealias Reopen = @Sendable (any DeletingEventLog) async throws -> any DeletingEventLog

    /// Has the deletions of a log fail once ``DeletingEventLog/delete(_:at:)`` has begun, or no longer.
    public typealias Fail = @Sendable (_ log: any DeletingEventLog, _ fails: Bool) async throws -> Void

    static let subject = "A log that deletes"
    let make: Make
    let reopen: Reopen?
    let fail: Fail?
    let sourceLocation: SourceLocation

    /// - Parameters:
    ///   - make: makes an empty log that is not open; called for each property.
    ///   - reopen: ends the use of a log and gives one, not open, that holds the same; `nil` for a log that keeps
    ///     nothing.
    ///   - fail: has the deletions of a log fail; `nil` for a log of which none fails while it is open.
    public init(
        make: @escaping Make,
        reopen: Reopen? = nil,
        fail: Fail? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        self.make = make
        self.reopen = reopen
        self.fail = fail
        self.sourceLocation = sourceLocation
    }

    /// Checks all properties, one after the other.
    public func run() async throws {
        try await forgetsEverythingOfAThread()
        try await keepsTheOthersInTheirPlaces()
        try await neverOpensItAgain()
        try await tellsWhatIsToBeErased()
        try await namesTheThreadsOfAUser()
        try await staysDeletedWhenReopened()
        try await deletesNothingUnlessOpen()
        try await deletesAllOrNone()
    }

    private static let time = Timestamp(milliseconds: 1_000_000)

    private func opened() async throws -> (log: any DeletingEventLog, script: LogScript) {
        let log = try await make()
        let opening = try await open(log)
        return (log, LogScript(generation: opening.generation))
    }

    /// Commits of three threads, of which `t_2` is to go.
    private func fill(_ log: any DeletingEventLog, _ script: inout LogScript) async throws {
        for index in 0..<40 {
            var commit = script.commit(index % 3 == 0 ? ["t_1", "t_2", "t_3", "t_2"] : ["t_2", "t_1"])
            if index % 5 == 0, let last = commit.entries.last(where: { $0.owner.thread == "t_2" }) {
                let key = try IdempotencyKey("k_\(index)")
                commit.keys = [KeyedEvents(key: key, thread: "t_2", ids: [last.id])]
            }
            try await log.append(commit)
        }
        var run = script.commit(["t_1"])
        run.entries.append(script.entry("t_2", .agentStarted, run: "r_1"))
        try await log.append(run)
    }

    private func checkIsGone(_ log: any DeletingEventLog, _ when: String) async throws {
        check(try await log.thread("t_2") == nil, "\(when), there is no record of the thread")
        let page = try await log.read(LogRead(.thread("t_2", after: 0)))
        check(page.events.isEmpty && page.reachesEnd, "\(when), there is no event of the thread")
        check(try await log.startedRuns(among: ["r_1"], in: "t_2").isEmpty, "\(when), there is no run of it")
        check(try await log.recall("k_0", in: "t_2") == nil, "\(when), there is no key of it")
        let deletion = try await log.deletion(of: "t_2")
        check(deletion?.deletedAt == Self.time, "\(when), the log says when it was deleted")
        check(deletion?.belonged(to: "u_1", thread: "t_2") == true, "\(when), the log says whose it was")
        check(deletion?.belonged(to: "u_2", thread: "t_2") == false, "\(when), and whose it was not")
    }

    private func checkOthers(_ log: any DeletingEventLog, _ script: LogScript, _ when: String) async throws {
        for thread in ["t_1", "t_3"] as [ThreadID] {
            let page = try await log.read(LogRead(.thread(thread, after: 0)))
            check(page.events == script.events(of: thread), "\(when), other threads are as they were")
        }
        var all: [StoredEvent] = []
        var offset: UInt64 = 0
        while true {
            let page = try await log.read(LogRead(.all(afterOffset: offset), maximumCount: 7))
            all += page.events
            offset = page.nextOffset
            if page.reachesEnd { break }
        }
        check(
            all == script.events.filter { $0.thread != "t_2" }, "\(when), all others are in the order of their commits")
    }

    func forgetsEverythingOfAThread() async throws {
        var (log, script) = try await opened()
        try await fill(log, &script)
        if let store = log as? any StateStore {
            try await store.save([StoredValue(.snapshot, thread: "t_2", name: "n", bytes: [1])])
        }
        check(try await log.deletion(of: "t_2") == nil, "a thread that is there was not deleted")
        try await log.delete(["t_2", "t_2", "t_none"], at: Self.time)
        try await checkIsGone(log, "after the deletion")
        try await checkOthers(log, script, "after the deletion")
        if let store = log as? any StateStore {
            check(try await store.load(.snapshot, thread: "t_2", name: "n") == nil, "its values are gone")
            try await store.save([StoredValue(.snapshot, thread: "t_2", name: "n", bytes: [1])])
            check(try await store.load(.snapshot, thread: "t_2", name: "n") == nil, "and none is kept later")
        }
        check(try await log.deletion(of: "t_none") == nil, "a thread that was never there was not deleted")
        _ = try await log.erase(clock: WallClock { Self.time })
        try await checkIsGone(log, "after the erasure")
        try await checkOthers(log, script, "after the erasure")
    }

    func keepsTheOthersInTheirPlaces() async throws {
        var (log, script) = try await opened()
        try await fill(log, &script)
        var places: [(event: StoredEvent, offset: UInt64)] = []
        var offset: UInt64 = 0
        while true {
            let page = try await log.read(LogRead(.all(afterOffset: offset), maximumCount: 1))
            guard let event = page.events.first else { break }
            offset = page.nextOffset
            places.append((event, offset))
        }
        try await log.delete(["t_2"], at: Self.time)
        for isErased in [false, true] {
            if isErased { _ = try await log.erase(clock: WallClock { Self.time }) }
            for (index, place) in places.enumerated() {
                let next = places[(index + 1)...].first { $0.event.thread != "t_2" }
                let page = try await log.read(LogRead(.all(afterOffset: place.offset), maximumCount: 1))
                check(
                    page.events.first == next?.event, "after each earlier position comes what came, without the thread")
                if let next { check(page.nextOffset == next.offset, "no position moves") }
            }
        }
        // Writers continue.
        try await log.append(script.commit(["t_1", "t_3"]))
        try await checkOthers(log, script, "after a further commit")
    }

    func neverOpensItAgain() async throws {
        var (log, script) = try await opened()
        try await fill(log, &script)
        try await log.delete(["t_2"], at: Self.time)
        var again = LogScript(generation: script.generation)
        do {
            try await log.append(again.commit(["t_2"]))
            check(false, "a commit with events of a deleted thread is refused")
        } catch {
            check(EventLogError.Code.conflict ~= error, "it is refused as log.conflict")
        }
    }

    func tellsWhatIsToBeErased() async throws {
        var (log, script) = try await opened()
        try await fill(log, &script)
        check(try await log.unfinishedDeletions().isEmpty, "nothing is to be erased at first")
        try await log.delete(["t_2"], at: Self.time)
        check(try await log.unfinishedDeletions() == ["t_2"], "a deletion is to be erased")
        let erased = try await log.erase(clock: WallClock { Self.time })
        check(erased.map(\.thread) == [ThreadDigest(of: "t_2" as ThreadID)], "the erasure says which it has completed")
        check(erased.allSatisfy { $0.erasedAt == Self.time }, "and when")
        check(try await log.unfinishedDeletions().isEmpty, "then nothing is to be erased any longer")
        check(try await log.erase(clock: WallClock { Self.time }).isEmpty, "a second erasure has nothing to do")
        check(try await log.deletion(of: "t_2")?.erasedAt == Self.time, "the deletion says that it is erased")
    }

    func namesTheThreadsOfAUser() async throws {
        var (log, script) = try await opened()
        try await fill(log, &script)
        check(
            try await log.threads(of: "u_1") == ["t_1", "t_2", "t_3"], "the threads of a user, by their first events")
        check(try await log.threads(of: "u_2").isEmpty, "another user has none")
        try await log.delete(["t_2"], at: Self.time)
        check(try await log.threads(of: "u_1") == ["t_1", "t_3"], "without those that were deleted")
    }

    private func checkIsThere(_ log: any DeletingEventLog, _ script: LogScript, _ when: String) async throws {
        for thread in ["t_1", "t_2", "t_3"] as [ThreadID] {
            check(try await log.deletion(of: thread) == nil, "\(when), no thread is deleted")
            let page = try await log.read(LogRead(.thread(thread, after: 0)))
            check(page.events == script.events(of: thread), "\(when), all threads are as they were")
        }
        check(try await log.unfinishedDeletions().isEmpty, "\(when), nothing is to be erased")
    }

    func deletesNothingUnlessOpen() async throws {
        guard let reopen else { return }
        var (log, script) = try await opened()
        try await fill(log, &script)
        log = try await reopen(log)
        do {
            try await log.delete(["t_2"], at: Self.time)
            check(false, "a log that is not open refuses to delete")
        } catch {
            check(EventLogError.Code.closed ~= error, "it refuses with log.closed")
        }
        _ = try await log.open()
        try await checkIsThere(log, script, "after a deletion that was refused")
    }

    func deletesAllOrNone() async throws {
        guard let fail else { return }
        var (log, script) = try await opened()
        try await fill(log, &script)
        try await fail(log, true)
        do {
            try await log.delete(["t_1", "t_2", "t_3"], at: Self.time)
            check(false, "a deletion that fails throws")
        } catch {
            // Whether it came to its end, the log says.
            var deletedCount = 0
            for thread in ["t_1", "t_2", "t_3"] as [ThreadID] {
                if try await log.deletion(of: thread) != nil { deletedCount += 1 }
            }
            check(deletedCount == 0 || deletedCount == 3, "after an error all threads are deleted, or none")
            if deletedCount == 0 { try await checkIsThere(log, script, "after a deletion that failed") }
        }
        try await fail(log, false)
        try await log.delete(["t_2"], at: Self.time)
        try await checkIsGone(log, "after a deletion that failed, and another one")
    }

    func staysDeletedWhenReopened() async throws {
        guard let reopen else { return }
        for isErased in [false, true] {
            var (log, script) = try await opened()
            try await fill(log, &script)
            try await log.delete(["t_2"], at: Self.time)
            if isErased { _ = try await log.erase(clock: WallClock { Self.time }) }
            log = try await reopen(log)
            let opening = try await log.open()
            check(!opening.threadsWithOpenRuns.contains("t_2"), "no run of it is open after a restart")
            try await checkIsGone(log, "after a restart")
            try await checkOthers(log, script, "after a restart")
            check(try await log.unfinishedDeletions().isEmpty == isErased, "what was not erased still is to be")
            _ = try await log.erase(clock: WallClock { Self.time })
            try await checkIsGone(log, "after a restart and an erasure")
            var next = LogScript(generation: opening.generation, events: script.events)
            try await log.append(next.commit(["t_3", "t_4"]))
            try await checkOthers(log, next, "after a restart and a commit")
        }
    }
}
