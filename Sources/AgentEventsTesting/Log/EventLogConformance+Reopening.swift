import AgentEvents

extension EventLogConformance {
    /// A log that is opened again has a new generation, everything it had, and says where runs are open, and who hosts
    /// them.
    ///
    /// Checks nothing for a log that cannot be opened again.
    public func keepsEverythingWhenReopened() async throws {
        guard let reopen else { return }
        var (log, script) = try await opened()
        var keys: [IdempotencyKey: RecalledRequest] = [:]
        for round in 1...5 {
            let entries = [
                script.entry(
                    "t_1", round == 3 ? .agentQueued : .agentStarted, run: RunID(stringLiteral: "r_\(round)"),
                    host: round % 2 == 0 ? .outside : .process),
                script.entry("t_2", .agentStarted, run: RunID(stringLiteral: "r_\(round)")),
                script.entry("t_3"),
                script.entry("t_2", .agentCompleted, run: RunID(stringLiteral: "r_\(round)")),
            ]
            let key = IdempotencyKey(stringLiteral: "k_\(round)")
            // The third event does not belong to the request.
            let more = (0..<4).map { _ in script.entry("t_3") }
            let ids = [more[0], more[1], more[3]].map(\.id)
            // An earlier version of a runtime may have given none.
            let digest = round == 2 ? nil : digest(round)
            keys[key] = RecalledRequest(ids: ids, digest: digest)
            let keyed = KeyedEvents(key: key, thread: "t_3", ids: ids, digest: digest)
            try await append(LogCommit(entries: entries + more, keys: [keyed], time: .wallClock), to: log)
            if round == 4 {
                let end = script.entry("t_1", .agentFailed, run: "r_1")
                // One that was queued before the log was opened again.
                let start = script.entry("t_1", .agentStarted, run: "r_3", host: .outside)
                try await append(LogCommit(entries: [end, start], time: .wallClock), to: log)
            }

            let threads: [ThreadID] = ["t_1", "t_2", "t_3"]
            var records: [ThreadID: ThreadRecord] = [:]
            for thread in threads { records[thread] = try await log.thread(thread) }
            let middle = try await log.read(LogRead(.all(afterOffset: 0), maximumCount: 2))

            log = try await reopen(log)
            let opening = try await open(log)
            check(
                opening.generation > script.generation,
                "the generation rises: \(opening.generation) after \(script.generation)")
            check(opening.threadsWithOpenRuns == ["t_1"], "open runs are in t_1, not \(opening.threadsWithOpenRuns)")
            check(try await events(in: log) == script.events, "all events after reopening")
            for thread in threads {
                let events = try await events(of: thread, in: log, pageSize: 3)
                check(events == script.events(of: thread), "the events of \(thread) after reopening")
                check(try await log.thread(thread) == records[thread], "the record of \(thread) after reopening")
            }
            for (key, request) in keys {
                check(try await log.recall(key, in: "t_3") == request, "\(key) after reopening")
            }
            let rest = try await log.read(LogRead(.all(afterOffset: middle.nextOffset)))
            check(middle.events + rest.events == script.events, "an offset continues after reopening")
            script = LogScript(generation: opening.generation, events: script.events)
        }
    }
}
