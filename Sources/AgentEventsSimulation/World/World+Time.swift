import AgentEvents
import AgentEventsClient

// Time, and what ends with it.
extension World {
    /// Time goes on to the next timer.
    ///
    /// - Returns: whether there was one that is still of interest.
    func fireTimer(_ random: inout SimulationRandom) throws(InvariantViolation) -> Bool {
        while let timer = timers.popFirst() {
            guard timer.stamp == stamp(of: timer.owner) else { continue }
            now = max(now, timer.time)
            try fire(timer.owner, &random)
            return true
        }
        return false
    }

    private func fire(_ owner: TimerOwner, _ random: inout SimulationRandom) throws(InvariantViolation) {
        switch owner {
        case .sweep(let loop):
            service?.sweep(loop, elapsed: UInt32(limits.sweepMilliseconds))
            setTimer(.sweep(loop: loop), after: limits.sweepMilliseconds)
        case .reconnect(let client):
            clients[client].pauseEnded()
            touch(client)
        case .acknowledgements(let client):
            clients[client].timePassed()
            touch(client)
        case .patience(let client):
            clients[client].patienceEnded()
            touch(client)
        case .silence(let client):
            clients[client].silenceChecked(random.fraction())
            touch(client)
        case .closeDeadline(let client):
            for session in clients[client].left { session.closeDeadlinePassed() }
            clients[client].session?.closeDeadlinePassed()
            clients[client].forgetLeft()
            touch(client)
        case .saveAcknowledgements:
            service?.saveAcknowledgements()
        case .leave:
            guard let service else { return }
            service.leave()
            for waiter in service.runtime.close() { resume(waiter, &random) }
            for thread in producers.indices { touchProducer(thread) }
        case .deadlines:
            setTimer(.deadlines, after: Self.deadlineMilliseconds)
            try sweepDeadlines()
        case .start:
            startService()
        }
    }

    private static let deadlineMilliseconds: Int64 = 1000

    /// Mirrors `DeadlineSweep`: ends what is overdue in threads in which nothing happens.
    private func sweepDeadlines() throws(InvariantViolation) {
        guard let service, service.takesEvents else { return }
        for thread in producers.indices where log.threads[thread].hasOpenRuns {
            guard try service.runtime.openContext(thread) != nil else { continue }
            if try service.runtime.endOverdue(in: thread, at: time) > 0 { counts[.runEndedAsIdle] += 1 }
        }
    }

    /// Another process opens the log, and ends the runs that the one before hosted.
    func startService() {
        processCount += 1
        var random = SimulationRandom(seed: UInt64(processCount))
        let threadsWithOpenRuns = log.open(at: time, random: random.next(), bug: bug)
        let runtime = SimulatedRuntime(log: log, maximumRuns: max(1, size.threadCount * 2 / 3))
        let service = SimulatedService(world: self, limits: limits, runtime: runtime, loopCount: size.loopCount)
        self.service = service
        service.threadsWithLostRuns = threadsWithOpenRuns[...]
        do throws(InvariantViolation) {
            try endLostRuns(service)
        } catch {
            fail(error)
        }
        for loop in service.loops { setTimer(.sweep(loop: loop.number), after: limits.sweepMilliseconds) }
        setTimer(.deadlines, after: Self.deadlineMilliseconds)
    }

    /// Mirrors `AgentRuntime.closeLostRuns`: thread after thread, each when what was emitted before is committed.
    func endLostRuns(_ service: SimulatedService) throws(InvariantViolation) {
        // A service that stops leaves them to the next one.
        if service.runtime.isClosed { service.threadsWithLostRuns = [] }
        while let thread = service.threadsWithLostRuns.first, try service.runtime.openContext(thread) != nil {
            service.threadsWithLostRuns.removeFirst()
            try endLostRuns(in: thread, service.runtime)
        }
        guard service.threadsWithLostRuns.isEmpty else { return }
        for thread in producers.indices { touchProducer(thread) }
    }

    private func endLostRuns(in thread: Int, _ runtime: SimulatedRuntime) throws(InvariantViolation) {
        for run in runtime.openHostedRuns(in: thread) where runtime.isOpen(run, in: thread) {
            let draft = EventDraft(
                runID: run, .agentFailed(AgentFailed(error: .lostWithProcess, durationMilliseconds: 0)))
            guard case .accepted = try runtime.emit([draft], in: thread, at: time) else {
                throw InvariantViolation(.runsEnd, "run \(run) of \(threadID(thread)) cannot be ended")
            }
            counts[.runFailedAsLost] += 1
        }
    }

    /// The process ends; another one starts after a while.
    func endService(keepsCommit: Bool, _ random: inout SimulationRandom) throws(InvariantViolation) {
        guard let service else { return }
        self.service = nil
        processCount += 1
        try service.runtime.end(keeping: keepsCommit)
        for thread in producers.indices {
            producers[thread].serviceEnded()
            touchProducer(thread)
        }
        for loop in service.loops { touchLoop(loop.number) }
        for client in clients {
            if let session = client.session {
                session.processEnded()
                // Some of what was written is with the kernel, and arrives.
                session.connection.end(keeping: random.below(12))
                counts[.lateEventsOfOldConnection] += session.connection.hasOutbound ? 1 : 0
            }
            client.serviceEnded()
            touch(client.number)
        }
        setTimer(.start, after: 1 + Int64(random.below(2000)))
    }
}
