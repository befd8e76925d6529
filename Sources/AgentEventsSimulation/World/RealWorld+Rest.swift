import AgentEvents

// How a world comes to rest, and what has to be so then.
extension RealWorld {
    /// Nothing goes wrong any longer, after one more end of the process: everybody has to reach the head.
    ///
    /// - Returns: how many steps that took.
    func settle() -> Int {
        isSettling = true
        var random = SimulationRandom(seed: seed ^ 0x0DDB_A11)
        sink.settle()
        for client in clients { client.isStalled = false }
        for application in applications { application.settle() }
        // Both: runs of a process that is gone are ended when nobody has the log open any longer.
        neighbour?.kill(isStored: true, witness, &random)
        kill(isStored: true, &random)
        store.settle()
        var steps = 0
        var timers = 0
        var hasListed = neighbour != nil
        while violation == nil, timers < 3000, steps < 3_000_000 {
            steps += 1
            if !isQuiet {
                _ = perform(propose(&random))
                continue
            }
            if let problem = process?.slotOfRestingRun { witness.fail(problem) }
            guard let problem = restlessness else {
                guard !hasListed, let process else { return steps + checkRest() }
                // Last of all somebody lists everything.
                hasListed = true
                let walk = ListWalk(of: owners[0].user, witness, process.gate.told, isLast: true, &random)
                process.start { await walk.run($0) }
                continue
            }
            timers += 1
            _ = perform(Choice(.timer, value: UInt32(truncatingIfNeeded: random.next())))
            if timers == 3000 { witness.fail(problem) }
        }
        if violation == nil {
            witness.fail(InvariantViolation(.liveness, "the world does not come to rest: \(unrest ?? "")"))
        }
        return steps
    }

    /// Whether nothing can happen but that time goes on.
    private var isQuiet: Bool { unrest == nil }

    /// What can happen, in a word; `nil` when nothing can but that time passes.
    private var unrest: String? {
        guard let process, process.takesConnections else {
            return process == nil ? "no process" : process?.isReady == true ? "start" : nil
        }
        guard neighbour?.isQuiet != false else { return "neighbour" }
        guard !process.isReady, process.crew.pauses.waitingCount == 0 else { return "process" }
        for client in clients {
            if isReady(client, for: .deliver) || isReady(client, for: .request) || isReady(client, for: .connect)
                || client.hasToSend
            {
                return "client \(client.number)"
            }
        }
        guard applicationExecutor.readyCount == 0, !applications.contains(where: isBusy) else { return "applications" }
        for thread in owners.indices {
            if commanders.contains(where: { $0.hasToSend(thread) }) { return "a command in \(threadID(thread))" }
            if needsPeople(thread) { return "people in \(threadID(thread))" }
        }
        // There is always somebody who writes a few messages.
        guard settlingWriteCount >= Self.settlingWrites else { return "messages" }
        let hasToEmit = producers.contains { !$0.isIdle && $0.inFlight.isEmpty } && clients.contains(where: \.mayEmit)
        return hasToEmit ? "producers" : nil
    }

    private var restlessness: InvariantViolation? {
        guard let process, process.takesConnections else {
            return InvariantViolation(.liveness, "the service does not start")
        }
        for producer in producers where !producer.isIdle {
            return InvariantViolation(.requestsAnswered, "an emission in \(threadID(producer.thread)) has no answer")
        }
        guard commanders.allSatisfy(\.isIdle) else {
            return InvariantViolation(.requestsAnswered, "a command has no answer")
        }
        if let problem = neighbour?.restlessness ?? process.crew.behind { return problem }
        for thread in witness.threads where thread.hasOpenRuns {
            return InvariantViolation(
                .runsEnd, "thread \(thread.owner.thread) has an open run: \(thread.openRuns.map(\.run))")
        }
        for client in clients {
            if let violation = client.restlessness { return violation }
        }
        for application in applications {
            if let violation = application.restlessness { return violation }
        }
        for thread in witness.threads {
            let last = sink.last(of: thread.owner.thread)
            // What was lost is not given back, and nothing came in its place.
            let head = thread.event(thread.head)?.id
            let isBehind = last.map { thread.lost.contains($0) && head?.generation ?? 0 <= $0.generation } != true
            if thread.head > 0, last != head, isBehind, thread.firstKept <= thread.head {
                return InvariantViolation(.liveness, "the sink is at \(last?.description ?? "0") of \(thread.head)")
            }
        }
        return nil
    }

    /// Ends what still runs.
    func close() {
        var random = SimulationRandom(seed: seed ^ 0xC105E)
        neighbour?.kill(isStored: true, witness, &random)
        if process != nil { kill(isStored: true, &random) }
        closeApplications(&random)
    }

    private func checkRest() -> Int {
        if neighbour == nil, witness.counts[.listedAtRest] == 0, violation == nil {
            witness.fail(InvariantViolation(.liveness, "the list of threads has no answer"))
        }
        for thread in witness.threads {
            if let violation = thread.unended { witness.fail(violation) }
        }
        if let violation = process?.slotViolation { witness.fail(violation) }
        return 0
    }
}
