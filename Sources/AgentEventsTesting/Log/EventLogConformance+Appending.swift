import AgentEvents

extension EventLogConformance {
    /// A thread's record has its user, its head, its oldest event, and the open runs with who hosts them.
    public func recordsThreads() async throws {
        var (log, script) = try await opened()
        let first = OpenRun(run: "r_1", sequence: 2, host: .outside)
        let second = OpenRun(run: "r_2", sequence: 4)
        let third = OpenRun(run: "r_3", sequence: 6, host: .outside)
        let queued = OpenRun(run: "r_5", sequence: 10)
        let cancelled = OpenRun(run: "r_6", sequence: 11, host: .outside)
        let steps: [(type: EventType, run: RunID?, host: RunHost, open: [OpenRun])] = [
            (.userMessage, nil, .process, []),
            (.agentStarted, "r_1", .outside, [first]),
            (.agentThinking, "r_1", .process, [first]),
            (.agentStarted, "r_2", .process, [first, second]),
            (.agentCompleted, "r_1", .process, [second]),
            (.agentStarted, "r_3", .outside, [second, third]),
            (.agentFailed, "r_2", .process, [third]),
            (.agentCancelled, "r_3", .process, []),
            (.userMessage, nil, .process, []),
            // A run is open from the event with which it is queued, and its start is no second beginning.
            (.agentQueued, "r_5", .process, [queued]),
            (.agentQueued, "r_6", .outside, [queued, cancelled]),
            (.agentStarted, "r_5", .outside, [queued, cancelled]),
            (.agentCancelled, "r_6", .process, [queued]),
            (.agentCompleted, "r_5", .process, []),
        ]
        for step in steps {
            let entry = script.entry("t_1", step.type, run: step.run, host: step.host)
            let other = script.entry("t_2", .agentStarted, run: "other_\(entry.id.sequence)".runID)
            try await append(LogCommit(entries: [entry, other], time: .wallClock), to: log)
            let expected = ThreadRecord(
                user: script.user,
                head: entry.id,
                oldest: EventID(generation: script.generation, sequence: 1),
                openRuns: step.open
            )
            let record = try await log.thread("t_1")
            check(record == expected, "the record at \(entry.id): \(String(describing: record)), not \(expected)")
        }
        // A run that starts and ends in one commit.
        let entries = [script.entry("t_1", .agentStarted, run: "r_4"), script.entry("t_1", .agentFailed, run: "r_4")]
        try await append(LogCommit(entries: entries, time: .wallClock), to: log)
        let record = try await log.thread("t_1")
        check(record?.firstOpenSequence == nil, "a run that was started and ended at once is not open")
        let more = [
            script.entry("t_1", .agentQueued, run: "r_7"), script.entry("t_1", .agentStarted, run: "r_7"),
            script.entry("t_1", .agentQueued, run: "r_8"), script.entry("t_1", .agentCancelled, run: "r_8"),
        ]
        try await append(LogCommit(entries: more, time: .wallClock), to: log)
        let open = try await log.thread("t_1")?.openRuns
        check(
            open == [OpenRun(run: "r_7", sequence: more[0].id.sequence)],
            "a run that was queued and started at once is open once, from where it was queued: \(String(describing: open))"
        )
        check(try await log.thread("t_3") == nil, "a thread without events is nil")
        let together = try await log.threads(["t_3", "t_1", "t_3"])
        check(together == [nil, try await log.thread("t_1"), nil], "threads that are looked up together")
    }

    /// A run is known by its id in its thread from its first event on, also when it has ended, and no other is.
    public func knowsStartedRuns() async throws {
        var (log, script) = try await opened()
        var started: Set<RunID> = []
        var unknown: Set<RunID> = ["r_0", "r_1000", "r", "R_1", "other_1"]
        check(try await log.startedRuns(among: unknown, in: "t_1").isEmpty, "a thread without events has no runs")
        for number in 1...300 {
            let run = "r_\(number)".runID
            var entries = [script.entry("t_1", number % 4 == 0 ? .agentQueued : .agentStarted, run: run)]
            if number % 8 == 0 { entries.append(script.entry("t_1", .agentStarted, run: run)) }
            // Some runs have all of their events in one commit, some are long, some are in a thread of their own.
            if number % 3 == 0 { entries.append(script.entry("t_1", .agentCompleted, run: run)) }
            let other = "other_\(number)".runID
            entries.append(script.entry("t_2", .agentStarted, run: other))
            unknown.insert(other)
            if number > 10, number % 3 != 0 {
                let earlier = "r_\(number - number % 7 - 1)".runID
                entries.append(script.entry("t_1", .agentThinking, run: earlier))
            }
            try await append(LogCommit(entries: entries, time: .wallClock), to: log)
            started.insert(run)
            if number % 100 == 50 { try await checkRuns(started, unknown: unknown, in: log, "after \(number) runs") }
        }
        try await checkRuns(started, unknown: unknown, in: log, "at the end")
        check(try await log.startedRuns(among: started, in: "t_3").isEmpty, "runs of another thread are not known")
        guard let reopen else { return }
        log = try await reopen(log)
        _ = try await open(log)
        try await checkRuns(started, unknown: unknown, in: log, "opened again")
    }

    private func checkRuns(
        _ started: Set<RunID>,
        unknown: Set<RunID>,
        in log: any EventLog,
        _ comment: String
    ) async throws {
        let found = try await log.startedRuns(among: started.union(unknown), in: "t_1")
        let wrong = found.symmetricDifference(started)
        check(wrong.isEmpty, "the runs of a thread, \(comment): \(wrong.count) are wrong")
        if let run = started.first {
            check(try await log.startedRuns(among: [run], in: "t_1") == [run], "one run of a thread, \(comment)")
        }
        check(try await log.startedRuns(among: [], in: "t_1").isEmpty, "no run is asked for, \(comment)")
    }

    /// A key gives the ids that were logged under it in its thread, and the digest that came with it, for 24 hours.
    public func recallsKeys() async throws {
        var (log, script) = try await opened()
        let hour: Int64 = 60 * 60 * 1000
        let now = Timestamp.wallClock
        var known: [(key: IdempotencyKey, thread: ThreadID, request: RecalledRequest)] = []
        for (index, age) in [25, 23, 1, 0].enumerated() {
            let time = Timestamp(milliseconds: now.milliseconds - Int64(age) * hour)
            var entries: [LogEntry] = []
            var keys: [KeyedEvents] = []
            for thread in [ThreadID("t_1"), "t_2"] {
                let ids = (0...index).map { _ in
                    entries.append(script.entry(thread))
                    return entries[entries.count - 1].id
                }
                let request = RecalledRequest(ids: ids, digest: digest(known.count))
                keys.append(
                    KeyedEvents(key: "k_\(index)".key, thread: thread, ids: ids, digest: request.digest))
                known.append((key: "k_\(index)".key, thread: thread, request: request))
            }
            try await append(LogCommit(entries: entries, keys: keys, time: time), to: log)
        }
        // Between the events of a request there may be some that closed what one of them ended.
        let entries = (0..<9).map { _ in script.entry("t_1") }
        let ids = [0, 1, 3, 4, 7].map { entries[$0].id }
        try await append(
            LogCommit(entries: entries, keys: [KeyedEvents(key: "k_gaps", thread: "t_1", ids: ids)], time: now), to: log
        )
        known.append((key: "k_gaps", thread: "t_1", request: RecalledRequest(ids: ids)))
        for item in known {
            let request = try await log.recall(item.key, in: item.thread)
            let expected = item.key == "k_0" ? nil : item.request
            check(
                request == expected,
                "\(item.key) of \(item.thread): \(String(describing: request)), not \(String(describing: expected))")
        }
        check(try await log.recall("k_1", in: "t_3") == nil, "a key of another thread is not known")
        check(try await log.recall("k_9", in: "t_1") == nil, "another key is not known")
    }

    /// A commit with an event that does not follow is refused as a whole, and nothing changes.
    public func refusesWhatDoesNotFollow() async throws {
        let wrong: [(name: String, sequences: [UInt64])] = [
            ("a gap", [5]), ("a repeat", [3]), ("an earlier one", [1]), ("a gap after a good event", [4, 6]),
            ("a repeat after a good event", [4, 4]), ("sequence 0", [0]), ("the largest sequence", [.max]),
        ]
        for (name, sequences) in wrong {
            var (log, script) = try await opened()
            try await append(script.commit(["t_1", "t_2", "t_1", "t_1"]), to: log)
            let before = try await log.thread("t_1")
            let expected = script.events
            var entries = [script.entry("t_2"), script.entry("t_3")]
            let template = script.entry("t_1")
            for sequence in sequences {
                var entry = template
                entry.id = EventID(generation: script.generation, sequence: sequence)
                entries.append(entry)
            }
            do {
                let keyed = KeyedEvents(key: "k_1", thread: "t_2", ids: [entries[0].id])
                try await append(LogCommit(entries: entries, keys: [keyed], time: .wallClock), to: log)
                check(false, "\(name) is refused")
            } catch EventLogError.Code.conflict {
            } catch {
                check(false, "\(name) is a conflict, not \(error)")
            }
            check(try await events(in: log) == expected, "\(name) leaves the log as it was")
            check(try await log.thread("t_1") == before, "\(name) leaves the record as it was")
            check(try await log.thread("t_3") == nil, "\(name) makes no thread")
            check(try await log.recall("k_1", in: "t_2") == nil, "\(name) makes no key known")
        }
    }

    /// While a log appends, a reader sees commits whole, dense and never less than before, and what was acknowledged.
    public func showsWholeCommitsWhileAppending() async throws {
        let (log, script) = try await opened()
        let threads: [ThreadID] = ["t_1", "t_2", "t_1", "t_3"]
        let acknowledged = AcknowledgedCount()
        try await withThrowingTaskGroup { group in
            group.addTask {
                var script = script
                do {
                    for _ in 0..<300 {
                        try await append(script.commit(threads), to: log)
                        await acknowledged.add(threads.count)
                    }
                } catch {
                    await acknowledged.finish()
                    throw error
                }
                await acknowledged.finish()
            }
            group.addTask { try await watchAllThreads(of: log, commitSize: threads.count, acknowledged) }
            group.addTask { try await watchThread(of: log, perCommit: 2, commitSize: threads.count, acknowledged) }
            try await group.waitForAll()
        }
        check(try await events(in: log).count == 300 * threads.count, "all events at the end")
    }

    private func watchAllThreads(
        of log: any EventLog,
        commitSize: Int,
        _ acknowledged: AcknowledgedCount
    ) async throws {
        let read = LogRead(.all(afterOffset: 0), maximumCount: .max, maximumByteCount: .max)
        var previous = 0
        try await watch(acknowledged) { minimum in
            let count = try await log.read(read).events.count
            defer { previous = count }
            if count % commitSize != 0 { return "a part of a commit was seen" }
            if count < minimum { return "an acknowledged commit was not seen among all threads" }
            return count < previous ? "a commit that was seen is gone" : nil
        }
    }

    private func watchThread(
        of log: any EventLog,
        perCommit: Int,
        commitSize: Int,
        _ acknowledged: AcknowledgedCount
    ) async throws {
        let read = LogRead(.thread("t_1", after: 0), maximumCount: .max, maximumByteCount: .max)
        try await watch(acknowledged) { minimum in
            let sequences = try await log.read(read).events.map(\.id.sequence)
            if sequences.count % perCommit != 0 { return "a part of a commit was seen in a thread" }
            if sequences.count < minimum / commitSize * perCommit {
                return "an acknowledged commit was not seen in its thread"
            }
            let isDense = sequences == Array(1..<UInt64(sequences.count + 1))
            return isDense ? nil : "the sequences seen are not dense"
        }
    }

    /// Looks again and again until the writer has finished or something is wrong.
    ///
    /// - Parameter look: gets the count of events that are acknowledged, and says what is wrong.
    private func watch(
        _ acknowledged: AcknowledgedCount,
        _ look: (Int) async throws -> String?
    ) async throws {
        var isFinished = false
        while !isFinished {
            let minimum = await acknowledged.count
            isFinished = await acknowledged.isFinished
            if let problem = try await look(minimum) {
                check(false, problem)
                return
            }
            // A log in memory never suspends; without this it may keep the writer from its turn for ever.
            await Task.yield()
        }
    }
}

/// The number of events that the log reported as committed.
private actor AcknowledgedCount {
    private(set) var count = 0
    private(set) var isFinished = false

    func add(_ count: Int) { self.count += count }
    func finish() { isFinished = true }
}

extension String {
    /// A run id made of characters that are allowed.
    fileprivate var runID: RunID { RunID(stringLiteral: self) }
    /// A key made of characters that are allowed.
    fileprivate var key: IdempotencyKey { IdempotencyKey(stringLiteral: self) }
}
