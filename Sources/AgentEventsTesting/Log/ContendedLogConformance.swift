public import AgentEvents
public import Testing

/// What every log with several writers must do, as checks for a test; beside those of ``EventLogConformance``.
///
/// ```swift
/// @Test func conforms() async throws {
///     try await ContendedLogConformance(make: { (MyLog(at: address), MyLog(at: address)) }).run()
/// }
/// ```
///
/// What a log does wrong is reported as issues of the running test, at the place where the suite was made.
public struct ContendedLogConformance: ConformanceSuite {
    /// Makes two writers of one empty log, which are not open.
    public typealias Make = @Sendable () async throws -> (any ContendedLog, any ContendedLog)

    static let subject = "A log with several writers"
    let make: Make
    let sourceLocation: SourceLocation

    /// - Parameter make: makes two writers of one empty log, which are not open; called for each property.
    public init(make: @escaping Make, sourceLocation: SourceLocation = #_sourceLocation) {
        self.make = make
        self.sourceLocation = sourceLocation
    }

    /// Checks all properties, one after the other.
    public func run() async throws {
        try await opensForSeveralWriters()
        try await showsWhatOthersCommitted()
        try await refusesThreadByThread()
        try await refusesTheThreadOfSomebodyElse()
        try await tellsOfOthers()
        try await keepsThreadsDenseUnderContention()
    }

    /// A writer that opens the log beside another one continues its history, and ends nothing of it.
    public func opensForSeveralWriters() async throws {
        let (first, second) = try await make()
        let opening = try await open(first)
        var script = LogScript(generation: opening.generation)
        let started = script.entry("t_1", .agentStarted, run: "r_1")
        try await append(LogCommit(entries: [started], time: .wallClock), to: first)
        let other = try await open(second)
        check(other.generation >= opening.generation, "the generation does not fall")
        check(other.threadsWithOpenRuns.isEmpty, "a run of another writer that is open continues there")
        check(other.endOffset > opening.endOffset, "the end of the log is after what another writer has committed")
    }

    /// What one writer has committed, the others have.
    public func showsWhatOthersCommitted() async throws {
        var (first, second, script) = try await opened()
        let entries = [script.entry("t_1", .agentStarted, run: "r_1"), script.entry("t_1")]
        let keyed = KeyedEvents(key: "k_1", thread: "t_1", ids: entries.map(\.id))
        let answer = try await appendByThread(LogCommit(entries: entries, keys: [keyed], time: .wallClock), to: first)
        check(answer.refusedThreads.isEmpty, "what follows is taken")
        check(try await second.thread("t_1")?.head == entries[1].id, "the head of another writer's events")
        check(try await second.startedRuns(among: ["r_1", "r_2"], in: "t_1") == ["r_1"], "the runs of another writer")
        check(try await second.recall("k_1", in: "t_1")?.ids == keyed.ids, "the keys of another writer")
        let page = try await second.read(LogRead(.thread("t_1", after: 0)))
        check(page.events == script.events(of: "t_1"), "the events of another writer")
    }

    /// Of a commit, the threads are taken in which nobody was first, and of the others nothing.
    public func refusesThreadByThread() async throws {
        let (first, second, script) = try await opened()
        var (ours, theirs) = (script, script)
        try await append(theirs.commit(["t_2"], text: "theirs"), to: second)
        let entries = ["t_1", "t_2", "t_3", "t_2", "t_1"].map { ours.entry(ThreadID(stringLiteral: $0), text: "ours") }
        let keys = [
            KeyedEvents(key: "k_1", thread: "t_1", ids: [entries[0].id, entries[4].id]),
            KeyedEvents(key: "k_2", thread: "t_2", ids: [entries[1].id, entries[3].id]),
        ]
        let answer = try await appendByThread(LogCommit(entries: entries, keys: keys, time: .wallClock), to: first)
        check(answer.refusedThreads == ["t_2"], "t_2 is refused, not \(answer.refusedThreads)")
        for thread in ["t_1", "t_3"] as [ThreadID] {
            let page = try await first.read(LogRead(.thread(thread, after: 0)))
            check(page.events == ours.events(of: thread), "all events of \(thread) are taken")
        }
        let page = try await first.read(LogRead(.thread("t_2", after: 0)))
        check(page.events == theirs.events(of: "t_2"), "no event of t_2 is taken")
        check(try await first.recall("k_1", in: "t_1")?.ids == keys[0].ids, "the key of a thread that was taken")
        check(try await first.recall("k_2", in: "t_2") == nil, "the key of a thread that was refused is free")
        // The refused writer continues after what the other one has appended.
        let again = theirs.entry("t_2", text: "ours")
        let continued = try await appendByThread(LogCommit(entries: [again], time: .wallClock), to: first)
        check(continued.refusedThreads.isEmpty, "what follows the events of another writer is taken")
    }

    /// A thread belongs to the user that opened it first, whichever writer that was.
    public func refusesTheThreadOfSomebodyElse() async throws {
        var (first, second, script) = try await opened()
        try await append(script.commit(["t_1"]), to: second)
        var entry = script.entry("t_1")
        entry.owner = ThreadOwner(thread: "t_1", user: "u_2")
        let answer = try await appendByThread(LogCommit(entries: [entry], time: .wallClock), to: first)
        check(answer.refusedThreads == ["t_1"], "events of another user than the thread's are refused")
        check(try await first.thread("t_1")?.user == script.user, "the thread's user stays")
    }

    /// A writer is told in which threads others commit, whether it asks before or afterwards, and not of what it commits.
    public func tellsOfOthers() async throws {
        var (first, second, script) = try await opened()
        try await append(script.commit(["t_1"]), to: second)
        try await append(script.commit(["t_2", "t_3"]), to: first)
        var heads: [ThreadID: AdvancedThread] = [:]
        while heads.count < 2 {
            let advanced = await advancedThreads(second)
            for thread in advanced { heads[thread.thread] = thread }
            if advanced.isEmpty { break }
        }
        check(Set(heads.keys) == ["t_2", "t_3"], "the threads in which others have committed, not \(heads.keys)")
        for thread in heads.values {
            let record = try await first.thread(thread.thread)
            check(record?.head == thread.head && record?.user == thread.user, "the head of \(thread.thread)")
        }
        async let later = advancedThreads(second)
        try await append(script.commit(["t_1"]), to: first)
        check(await later.map(\.thread) == ["t_1"], "a thread in which another one commits while the writer waits")
    }

    /// - Returns: none when nothing is told within a minute.
    private func advancedThreads(_ log: any ContendedLog) async -> [AdvancedThread] {
        await withTaskGroup(of: [AdvancedThread].self) { group in
            group.addTask { await log.advancedThreads() ?? [] }
            group.addTask {
                // A cancelled sleep is the end of the wait as well.
                try? await Environment.system.sleep(.seconds(60))
                return []
            }
            defer { group.cancelAll() }
            return await group.next() ?? []
        }
    }

    /// Two writers append to the same threads at once: each event is there once, and no number is left out.
    public func keepsThreadsDenseUnderContention() async throws {
        let (first, second, script) = try await opened()
        let threads: [ThreadID] = ["t_1", "t_2", "t_3"]
        let wanted = 60
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (log, text) in [(first, "first"), (second, "second")] {
                group.addTask {
                    for number in 1...wanted {
                        var pending = Set(threads)
                        while !pending.isEmpty {
                            var script = LogScript(generation: script.generation)
                            for thread in pending {
                                script.setHead(try await log.thread(thread)?.head.sequence ?? 0, of: thread)
                            }
                            let commit = script.commit(
                                pending.sorted { $0.rawValue < $1.rawValue }, text: "\(text) \(number)")
                            pending = try await appendByThread(commit, to: log).refusedThreads
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        for thread in threads {
            let events = try await first.read(LogRead(.thread(thread, after: 0))).events
            check(events.map(\.id.sequence) == Array(1...UInt64(2 * wanted)), "the numbers of \(thread) have no gap")
            for text in ["first", "second"] {
                let numbers = events.compactMap { event -> Int? in
                    let line = String(decoding: event.bytes, as: UTF8.self)
                    guard let mark = line.firstRange(of: "\"x\":\"\(text) ") else { return nil }
                    return Int(line[mark.upperBound...].prefix { $0 != "\"" })
                }
                check(
                    numbers == Array(1...wanted), "each event of the \(text) writer is in \(thread) once, in its order")
            }
        }
    }

    // MARK: Pieces of checks

    /// Two open writers, with a script of events for an empty log.
    private func opened() async throws -> (first: any ContendedLog, second: any ContendedLog, script: LogScript) {
        let (first, second) = try await make()
        _ = try await open(first)
        let opening = try await open(second)
        return (first, second, LogScript(generation: opening.generation))
    }

    private func appendByThread(_ commit: LogCommit, to log: any ContendedLog) async throws -> ContendedCommit {
        try await withTaskExecutorPreference(log.executor) { try await log.appendByThread(commit) }
    }
}
