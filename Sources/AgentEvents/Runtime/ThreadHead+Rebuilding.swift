extension ThreadHead {
    /// The head of a thread without events.
    init(_ owner: ThreadOwner, _ services: RuntimeServices) {
        let configuration = services.configuration
        self.init(
            owner: owner, generation: services.generation, maximumEventByteCount: configuration.maximumEventByteCount,
            machine: ThreadStateMachine(
                policy: configuration.orderPolicy, maximumMessageByteCount: configuration.maximumMessageByteCount,
                idleMilliseconds: configuration.emittedRunTimeoutMilliseconds,
                maximumAge: configuration.maximumRunAge.map { Int64(clamping: $0.wholeMilliseconds) }))
    }

    /// Rebuilds the head of a thread from the tail of the log: from the first event of its oldest open run on, or only
    /// from its last event when no run is open. A thread whose events were all trimmed continues with its numbers.
    ///
    /// - Parameter hosted: of a log that others write too, the open runs that this process hosts. All others are hosted
    ///   outside: they survive this process, and end when nothing comes for them.
    init(
        _ record: ThreadRecord,
        _ owner: ThreadOwner,
        _ services: RuntimeServices,
        hosted: Set<RunID> = []
    ) async throws(EventLogError) {
        let empty = ThreadHead(owner, services)
        var machine = empty.machine
        var lastTime = empty.lastTime
        var hosts: [RunID: RunHost] = [:]
        for open in record.openRuns {
            hosts[open.run] = services.isContended && !hosted.contains(open.run) ? .outside : open.host
        }
        var after = (record.firstOpenSequence ?? record.head.sequence) - 1
        while after < record.head.sequence {
            let page = try await services.log.read(LogRead(.thread(owner.thread, after: after)))
            guard let last = page.events.last else {
                // Events of an open run are never trimmed; without one, everything may be.
                if record.firstOpenSequence == nil, record.isEmpty || page.skipsTrimmed { break }
                throw EventLogError(
                    .corrupt, "thread \(owner.thread) ends at \(after) and should end at \(record.head)")
            }
            // Another writer may have appended since the record was read.
            for stored in page.events where stored.id.sequence <= record.head.sequence {
                let event = try stored.decoded()
                // Of a run that has ended it does not matter. What a run of another process was given is left by it when
                // it ends, by the end that any process gives it.
                machine.restore(
                    event, host: event.runID.flatMap { hosts[$0] } ?? .process,
                    hostOfReceiver: event.receiver.flatMap { run in record.openRuns.first { $0.run == run }?.host })
                lastTime = event.time
            }
            after = last.id.sequence
        }
        self.init(
            owner: owner, generation: services.generation,
            maximumEventByteCount: services.configuration.maximumEventByteCount, machine: machine,
            lastSequence: record.head.sequence, lastTime: lastTime)
    }
}

extension AgentEvent {
    /// The run that a message was given to.
    fileprivate var receiver: RunID? {
        if case .userMessage(let message) = payload { message.givenTo } else { nil }
    }
}
