extension AgentRun {
    /// The conversation so far, for a language model: what users have written and runs of the thread have said and done, up to the last
    /// event of this run. That of a child run is of that run alone. See ``TranscriptFold``, also for its bounds.
    ///
    /// It is read from the log once what the run has emitted is committed.
    ///
    /// - Throws: ``AgentEventsError`` when the log fails.
    public func transcript(includesThoughts: Bool = false) async throws(AgentEventsError) -> Transcript {
        var fold = TranscriptFold(includesThoughts: includesThoughts)
        return try await transcript(continuing: &fold)
    }

    /// The conversation so far, of which most is known: only the events after those that the fold has are read.
    ///
    /// ```swift
    /// var fold = TranscriptFold()
    /// while try await answers(run.transcript(continuing: &fold)) { … }
    /// ```
    ///
    /// - Parameter fold: a new one, or one that this method of the same run has continued before. A new one is read from so far back
    ///   as its limits need, 65 536 events before the run at most.
    /// - Throws: ``AgentEventsError`` when the log fails; then the fold is as it was, or further.
    public func transcript(continuing fold: inout TranscriptFold) async throws(AgentEventsError) -> Transcript {
        let extent = try await context.transcriptExtent(of: id)
        try await mapLogError { () async throws(EventLogError) in
            try await fold.advance(
                in: context.services.log, thread: context.thread, run: extent.isChild ? id : nil,
                startingAt: start.id.sequence, upTo: extent.last)
        }
        return fold.closed()
    }
}

extension ExecutionContext {
    /// The place up to which a run can look back at this moment; what it has emitted is committed then.
    ///
    /// - Returns: the number of the last event, and whether the run is a child.
    fileprivate func transcriptExtent(of run: RunID) async throws(AgentEventsError) -> (last: UInt64, isChild: Bool) {
        let extent = (path.head.lastSequence, path.machine.parent(of: run) != nil)
        try await waitForCommit(at: offeredPosition.latest)
        return extent
    }
}

extension TranscriptFold {
    /// The number of events that are read at first from before a run, and at most.
    private static let nearCount: UInt64 = 4096
    private static let farCount: UInt64 = 65_536

    /// Applies the events that it does not have yet.
    ///
    /// - Parameters:
    ///   - run: the run that a new fold is about, when that is a child.
    ///   - first: the number of the first event of the run that looks back.
    ///   - last: the last event that is applied.
    mutating func advance(
        in log: any EventLog,
        thread: ThreadID,
        run: RunID?,
        startingAt first: UInt64,
        upTo last: UInt64
    ) async throws(EventLogError) {
        if let cursor {
            guard try await read(log, thread, after: cursor.sequence, upTo: last) else { return }
            // What it does not have was trimmed meanwhile: it begins again with what is there.
        }
        var count = run == nil ? Self.nearCount : 0
        while true {
            let oldest = try await log.thread(thread)?.oldest.sequence ?? 1
            let begin = max(oldest - 1, first - 1 > count ? first - 1 - count : 0)
            self = emptied(for: run, isComplete: run == nil ? begin == 0 : begin < first)
            // The retention has overtaken it; each time again takes another trim.
            if try await read(log, thread, after: begin, upTo: last) { continue }
            // More of the past would not be kept, is not there, or is of no concern.
            guard run == nil, !hasDropped, begin > oldest - 1, count < Self.farCount else { return }
            count *= 4
        }
    }

    /// - Returns: whether events between were trimmed; then they are missing.
    private mutating func read(
        _ log: any EventLog,
        _ thread: ThreadID,
        after position: UInt64,
        upTo last: UInt64
    ) async throws(EventLogError) -> Bool {
        var position = position
        while position < last {
            var request = LogRead(.thread(thread, after: position))
            request.maximumCount = min(request.maximumCount, Int(clamping: last - position))
            let page = try await log.read(request)
            if page.skipsTrimmed { return true }
            for stored in page.events { apply(try stored.decoded()) }
            guard let end = page.events.last, !page.reachesEnd else { return false }
            position = end.id.sequence
        }
        return false
    }
}
