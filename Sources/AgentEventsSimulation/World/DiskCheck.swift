import AgentEvents

/// Compares a log that was opened again with what the witness knows: what is kept is there, in order, in the same bytes.
struct DiskCheck: Sendable {
    let witness: LogWitness

    /// Of each thread so many events are looked at, the last and the oldest ones.
    private static let lookedAtCount = 48

    /// A generation is above the last one, and so are the offsets of what comes.
    func rises(_ opening: LogOpening, _ last: LogOpening) {
        if opening.generation <= last.generation {
            fail(.denseOrder, "the generation \(opening.generation) follows \(last.generation)")
        }
        if opening.endOffset <= last.endOffset {
            fail(.denseOrder, "an opening begins at \(opening.endOffset), not after \(last.endOffset)")
        }
    }

    private func fail(_ rule: InvariantViolation.Rule, _ message: String) {
        witness.fail(InvariantViolation(rule, message))
    }

    /// Threads begin where they were trimmed to.
    ///
    /// - Parameter uncertain: where they begin when a trim that failed was done.
    func trims(_ log: some EventLog, _ uncertain: [Int: UInt64]) async throws(EventLogError) {
        for (number, thread) in witness.threads.enumerated() where thread.head > 0 {
            guard let oldest = try await log.thread(thread.owner.thread)?.oldest.sequence else { continue }
            if oldest < thread.firstKept || oldest > max(thread.firstKept, uncertain[number] ?? 0) {
                fail(
                    .acknowledgedIsKept,
                    "\(thread.owner.thread) begins at \(oldest), not at \(thread.firstKept)"
                        + (uncertain[number].map { " or up to \($0)" } ?? ""))
            }
            witness.didTrim(thread.owner.thread, to: oldest)
        }
    }

    func everything(
        _ log: some EventLog,
        _ opening: LogOpening,
        keys: [KeyedEvents]
    ) async throws(EventLogError) {
        let threads = witness.threads
        let open = Set(threads.filter(\.hasOpenRuns).map(\.owner.thread))
        if Set(opening.threadsWithOpenRuns) != open {
            fail(.runsEnd, "runs are open in \(opening.threadsWithOpenRuns), not in \(open)")
        }
        for thread in threads where thread.head > 0 {
            try await look(at: thread, in: log, after: thread.firstKept - 1)
            let last = thread.head - min(thread.head, UInt64(Self.lookedAtCount))
            if last >= thread.firstKept { try await look(at: thread, in: log, after: last) }
            guard let record = try await log.thread(thread.owner.thread) else { continue }
            if record.openRuns != thread.openRuns || record.user != thread.owner.user {
                fail(.runsEnd, "\(thread.owner.thread) has the open runs \(record.openRuns), not \(thread.openRuns)")
            }
        }
        for keyed in keys {
            guard let recalled = try await log.recall(keyed.key, in: keyed.thread) else {
                fail(.acknowledgedIsKept, "the key \(keyed.key) is not known any more")
                continue
            }
            if recalled.ids != keyed.ids || recalled.digest != keyed.digest {
                fail(.acknowledgedIsKept, "the key \(keyed.key) stands for \(recalled.ids), not for \(keyed.ids)")
            }
        }
    }

    private func look(
        at thread: SimulatedThread,
        in log: some EventLog,
        after sequence: UInt64
    ) async throws(EventLogError) {
        let page = try await log.read(
            LogRead(
                .thread(thread.owner.thread, after: sequence), maximumCount: Self.lookedAtCount, maximumByteCount: .max)
        )
        let end = min(thread.head, sequence + UInt64(Self.lookedAtCount))
        let due = (sequence..<max(end, sequence)).compactMap { thread.event($0 + 1) }
        if page.events != due {
            fail(
                .sameBytes,
                "\(thread.owner.thread) has \(page.events.map(\.id)) after \(sequence), not \(due.map(\.id))")
        }
    }
}
