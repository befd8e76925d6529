import AgentEvents

extension EventLogConformance {
    /// A new log has a generation that no other one has, no events, threads or keys, and a read of nothing is an empty
    /// page.
    public func startsEmpty() async throws {
        let log = try await make()
        let opening = try await open(log)
        check(opening.generation > 0, "a generation is at least 1")
        let other = try await open(try await make())
        check(other.generation != opening.generation, "two logs share the generation \(opening.generation)")
        check(opening.threadsWithOpenRuns.isEmpty, "a new log has no open runs")
        for selection in [LogRead.Selection.thread("t_1", after: 0), .thread("t_1", after: 7), .all(afterOffset: 0)] {
            let page = try await log.read(LogRead(selection))
            check(page.events.isEmpty && page.reachesEnd, "\(selection) of a new log is empty and reaches the end")
        }
        check(try await log.thread("t_1") == nil, "a thread without events is nil")
        check(try await log.recall("k_1", in: "t_1") == nil, "a key that was never logged is nil")
    }

    /// Events come back as they were appended: all, in order, of the right thread, after any sequence.
    public func readsDenseSequences() async throws {
        var (log, script) = try await opened()
        let threads: [ThreadID] = ["t_1", "t_2", "t_3"]
        for round in 1...40 {
            // One, two or three threads in a commit, some of them several times.
            let mentions = (0..<round % 7 + 1).map { threads[($0 * round + round / 3) % (round % 3 + 1)] }
            try await append(script.commit(mentions), to: log)
        }
        for thread in threads {
            let expected = script.events(of: thread)
            for after in [0, 1, 2, expected.count / 2, expected.count - 1, expected.count, expected.count + 5] {
                let page = try await log.read(LogRead(.thread(thread, after: UInt64(after))))
                check(page.events == Array(expected.dropFirst(after)), "the events of \(thread) after \(after)")
                check(page.reachesEnd, "the page of \(thread) after \(after) reaches the end")
            }
        }
        let page = try await log.read(LogRead(.thread("t_1", after: .max)))
        check(page.events.isEmpty && page.reachesEnd, "nothing is after the largest sequence")
    }

    /// A page has at most the events asked for, says whether it reaches the end, and pages fit together.
    public func readsPagesByCount() async throws {
        var (log, script) = try await opened()
        for _ in 0..<10 { try await append(script.commit(["t_1", "t_2", "t_1"]), to: log) }
        let expected = script.events(of: "t_1")
        for size in [1, 2, 3, 7, 19, 20, 21] {
            var after: UInt64 = 0
            while after < expected.count {
                let page = try await log.read(LogRead(.thread("t_1", after: after), maximumCount: size))
                let wanted = expected.dropFirst(Int(after)).prefix(size)
                check(page.events == Array(wanted), "the page of \(size) after \(after)")
                let isLast = Int(after) + wanted.count == expected.count
                check(page.reachesEnd == isLast, "whether the page of \(size) after \(after) reaches the end")
                after += UInt64(wanted.count)
            }
            let all = try await events(in: log, pageSize: size)
            check(all == script.events, "all events in pages of \(size)")
        }
    }

    /// A page ends with the event that reaches the number of bytes asked for, and has one event at least.
    public func readsPagesByByteCount() async throws {
        var (log, script) = try await opened()
        for size in [10, 5000, 100, 20, 9000, 10] {
            try await append(script.commit(["t_1"], text: String(repeating: "x", count: size)), to: log)
        }
        for limit in [0, 1, 100, 5000, 5200, 100_000] {
            var expected: [StoredEvent] = []
            for event in script.events where expected.isEmpty || expected.byteCount < limit { expected.append(event) }
            let selections = [LogRead.Selection.thread("t_1", after: 0), .all(afterOffset: 0)]
            for selection in selections {
                let page = try await log.read(LogRead(selection, maximumByteCount: limit))
                check(page.events == expected, "\(expected.count) events of \(selection) reach \(limit) bytes")
                check(
                    page.reachesEnd == (expected.count == script.events.count),
                    "whether the page of \(limit) bytes of \(selection) reaches the end"
                )
            }
        }
    }

    /// Events of all threads come in the order of their commits, and an offset continues where a page ended.
    public func readsAllThreadsInTheOrderOfCommits() async throws {
        var (log, script) = try await opened()
        let threads: [ThreadID] = ["t_3", "t_1", "t_2", "t_1"]
        for round in 0..<30 {
            try await append(script.commit(Array(threads.prefix(round % 4 + 1))), to: log)
        }
        var read: [StoredEvent] = []
        var offset: UInt64 = 0
        for size in 1... {
            let page = try await log.read(LogRead(.all(afterOffset: offset), maximumCount: size))
            check(page.nextOffset > offset, "an offset grows with a page that has events")
            read += page.events
            let getsOn = page.nextOffset > offset
            offset = page.nextOffset
            if page.reachesEnd || !getsOn { break }
        }
        check(read == script.events, "all events, in the order of their commits")
        let end = try await log.read(LogRead(.all(afterOffset: offset)))
        check(end.events.isEmpty && end.reachesEnd, "nothing comes after the end")
        check(end.nextOffset == offset, "an empty page keeps the offset")
        let known = script.events.count
        try await append(script.commit(threads), to: log)
        let page = try await log.read(LogRead(.all(afterOffset: end.nextOffset)))
        check(page.events == Array(script.events[known...]), "an offset at the end continues with the next commit")
    }

    /// Bytes come back as they were, whatever they are and however many.
    public func keepsBytesExactly() async throws {
        var (log, script) = try await opened()
        let texts =
            ["", "\\u0000\\ud800", "é €  \u{10FFFF}", "\u{FEFF}"]
            + [3_900, 3_950, 4_000, 4_050, 4_100, 65_535, 1_048_576].map { String(repeating: "y", count: $0) }
        for text in texts { try await append(script.commit(["t_1"], text: text), to: log) }
        // Sizes at which a page of a file may be just full.
        for size in stride(from: 3_700, to: 3_860, by: 1) {
            try await append(script.commit(["t_2"], text: String(repeating: "z", count: size)), to: log)
        }
        for thread in [ThreadID("t_1"), "t_2"] {
            let events = try await events(of: thread, in: log)
            check(events == script.events(of: thread), "the bytes of \(thread)")
        }
        check(try await events(in: log) == script.events, "the bytes of all events")
    }
}

extension [StoredEvent] {
    fileprivate var byteCount: Int { reduce(0) { $0 + $1.bytes.count } }
}
