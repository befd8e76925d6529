import AgentEvents
import AgentEventsClient
import AgentEventsHub

// What goes on by itself, one step at a time.
extension World {
    /// Lets a choice happen.
    ///
    /// - Returns: `false` when it cannot happen now; then nothing changed.
    func perform(_ choice: Choice) -> Bool {
        tell("\(choice): \(choice.kind) \(choice.entity)")
        var random = SimulationRandom(seed: UInt64(choice.value) &* 0x2545_F491_4F6C_DD1D)
        let happened: Bool
        do throws(InvariantViolation) {
            happened = try perform(choice, &random)
        } catch {
            fail(error)
            happened = true
        }
        guard happened else { return false }
        mix(UInt64(choice.kind.rawValue) << 32 | UInt64(choice.entity))
        mix(UInt64(bitPattern: now))
        return true
    }

    private func perform(_ choice: Choice, _ random: inout SimulationRandom) throws(InvariantViolation) -> Bool {
        let entity = choice.entity
        switch choice.kind {
        case .offer:
            guard offering.contains(entity) else { return false }
            try offer(entity, &random)
            touchProducer(entity)
        case .commit:
            guard let service, service.runtime.isWriterReady else { return false }
            try commit(service, &random)
        case .loop:
            guard loopsWithJobs.contains(entity), let loop = service?.loops[entity] else { return false }
            turn(loop)
        case .work:
            guard working.contains(entity), let session = session(of: entity, where: { !$0.jobs.isEmpty }) else {
                return false
            }
            session.work(random.below(4))
            touchLoop(session.loop.number)
            clients[entity].forgetLeft()
            touch(entity)
        case .request:
            guard requesting.contains(entity) else { return false }
            takeRequest(entity, &random)
        case .deliver:
            guard receiving.contains(entity) else { return false }
            clients[entity].receive(&random)
            touch(entity)
        case .send:
            guard sending.contains(entity) else { return false }
            clients[entity].send(&random)
            touch(entity)
        case .take:
            guard taking.contains(entity) else { return false }
            clients[entity].take(&random)
            touch(entity)
        case .connect:
            guard connecting.contains(entity) else { return false }
            connect(clients[entity], &random)
            touch(entity)
        case .job, .agent:
            return false
        case .timer:
            return try fireTimer(&random)
        case .cut, .halfOpen, .stall, .crash, .expire, .kill, .powerLoss, .logFailure, .drain, .trim, .giveBack:
            return try disturb(choice, &random)
        }
        return true
    }

    // MARK: Producers

    private func offer(_ thread: Int, _ random: inout SimulationRandom) throws(InvariantViolation) {
        guard let runtime = service?.runtime else { return }
        guard let isRebuilt = try runtime.openContext(thread) else { return }
        if isRebuilt { counts[.contextRebuilt] += 1 }
        if producers[thread].isRemote {
            try offerRequest(thread, runtime, &random)
        } else {
            try offerEvents(thread, runtime, &random)
        }
    }

    /// An agent in the service's process.
    private func offerEvents(
        _ thread: Int,
        _ runtime: SimulatedRuntime,
        _ random: inout SimulationRandom
    ) throws(InvariantViolation) {
        let before = producers[thread].script
        let (drafts, script) = before.next(&random)
        if before.isIdle {
            guard case .accept = runtime.slots.reserve() else {
                counts[.agentRefusedBusy] += 1
                return
            }
        }
        guard !isForbiddenNoMore(script, of: before.run, thread, runtime) else {
            endAgent(thread, runtime)
            return producers[thread].script.forget()
        }
        switch try runtime.emit(drafts, in: thread, at: time) {
        case .unavailable:
            if before.isIdle { _ = runtime.slots.giveBack() }
        case .rejected(let violation):
            if before.isIdle { _ = runtime.slots.giveBack() }
            rejected(violation, thread, script, of: before.run, runtime)
        case .accepted(let accepted, let position, let isFull):
            checkAccepted(script, thread)
            checkPending(runtime)
            if accepted.entries.count > drafts.count { counts[.workClosedByEnd] += 1 }
            producers[thread].script = script
            if before.isIdle {
                _ = runtime.slots.start()
                producers[thread].hasSlot = true
            } else if script.isIdle {
                endAgent(thread, runtime)
                // The end of a run waits for its commit.
                awaitCommit(thread, accepted.ids, position, runtime)
            } else if isFull {
                awaitRoom(thread, runtime)
            }
        }
    }

    private func endAgent(_ thread: Int, _ runtime: SimulatedRuntime) {
        guard producers[thread].hasSlot else { return }
        producers[thread].hasSlot = false
        runtime.slots.didEnd()
    }

    /// A program elsewhere, that asks again until it is answered.
    private func offerRequest(
        _ thread: Int,
        _ runtime: SimulatedRuntime,
        _ random: inout SimulationRandom
    ) throws(InvariantViolation) {
        let request = producers[thread].takeRequest(&random)
        if let (ids, position) = runtime.recall(request.key, in: thread) {
            counts[.emissionRepeated] += 1
            return awaitCommit(thread, ids, position, runtime)
        }
        guard !isForbiddenNoMore(request.script, of: producers[thread].script.run, thread, runtime) else {
            producers[thread].request = nil
            return producers[thread].script.forget()
        }
        switch try runtime.emit(request.drafts, in: thread, key: request.key, host: .outside, at: time) {
        case .unavailable: break
        case .rejected(let violation):
            producers[thread].request = nil
            rejected(violation, thread, request.script, of: producers[thread].script.run, runtime)
        case .accepted(let accepted, let position, _):
            checkAccepted(request.script, thread)
            checkPending(runtime)
            if accepted.entries.count > request.drafts.count { counts[.workClosedByEnd] += 1 }
            awaitCommit(thread, accepted.ids, position, runtime)
        }
    }

    /// A script knows what is legal; but its run may have been ended by others.
    private func rejected(
        _ violation: OrderViolation,
        _ thread: Int,
        _ script: AgentScript,
        of run: RunID?,
        _ runtime: SimulatedRuntime
    ) {
        counts[.eventRejected] += 1
        if run.map({ runtime.isOpen($0, in: thread) }) ?? true {
            if !script.isForbidden { fail(InvariantViolation(.wellFormedRuns, "refused: \(violation)")) }
            return
        }
        endAgent(thread, runtime)
        producers[thread].script.forget()
    }

    /// Whether nothing is known any more of the run because of which the script's events are forbidden: it was lost, or it
    /// has ended and was trimmed, and its id may be used again.
    private func isForbiddenNoMore(
        _ script: AgentScript,
        of run: RunID?,
        _ thread: Int,
        _ runtime: SimulatedRuntime
    ) -> Bool {
        guard script.isForbidden, let run else { return false }
        return !runtime.isOpen(run, in: thread)
    }

    private func checkPending(_ runtime: SimulatedRuntime) {
        // Each producer is at most one offer over the mark.
        let limit = SimulatedRuntime.highWaterByteCount + size.threadCount * 8 * limits.largestEventByteCount
        guard runtime.pendingByteCount > limit else { return }
        fail(InvariantViolation(.boundedMemory, "\(runtime.pendingByteCount) bytes wait to be committed"))
    }

    private func checkAccepted(_ script: AgentScript, _ thread: Int) {
        guard script.isForbidden else { return }
        fail(InvariantViolation(.wellFormedRuns, "\(threadID(thread)): what the order forbids was accepted"))
    }

    private func awaitRoom(_ thread: Int, _ runtime: SimulatedRuntime) {
        guard runtime.waitForCapacity(thread) else { return }
        counts[.producerWaitedForRoom] += 1
        producers[thread].state = .awaitsRoom
    }

    private func awaitCommit(_ thread: Int, _ ids: [EventID], _ position: UInt64, _ runtime: SimulatedRuntime) {
        if bug != .acknowledgedBeforeCommit, runtime.waitForCommit(of: position, thread) {
            producers[thread].state = .awaitsCommit(ids: ids)
        } else {
            acknowledge(ids, thread)
        }
    }

    private func acknowledge(_ ids: [EventID], _ thread: Int) {
        counts[.emissionAcknowledged] += 1
        producers[thread].state = .free
        if let request = producers[thread].request {
            producers[thread].script = request.script
            producers[thread].request = nil
        }
        let stored = log.threads[thread]
        if let id = ids.first(where: { stored.event($0.sequence)?.id != $0 }) {
            fail(InvariantViolation(.acknowledgedIsKept, "\(id) of \(threadID(thread)) is not committed"))
        }
    }

    // MARK: The writer

    private func commit(_ service: SimulatedService, _ random: inout SimulationRandom) throws(InvariantViolation) {
        switch try service.runtime.commitStep() {
        case .nothing, .begun: break
        case .finished: try endService(keepsCommit: true, &random)
        case .committed(let commit, let resumed):
            counts[.commitMade] += 1
            counts[.eventCommitted] += commit.entries.count
            tell("  committed: " + commit.entries.map { "\($0.id) of \($0.owner.thread)" }.joined(separator: ", "))
            service.publish(commit.entries, upTo: commit.position)
            for waiter in resumed { resume(waiter, &random) }
            if !service.threadsWithLostRuns.isEmpty { try endLostRuns(service) }
        }
    }

    func resume(_ waiter: SimulatedRuntime.Waiter, _ random: inout SimulationRandom) {
        switch waiter {
        case .writer: break
        case .room(let thread):
            producers[thread].state = .free
            touchProducer(thread)
        case .commit(let thread):
            if case .awaitsCommit(let ids) = producers[thread].state {
                if producers[thread].isRemote, random.once(in: 8) {
                    // The answer is lost on its way.
                    producers[thread].state = .free
                } else {
                    acknowledge(ids, thread)
                }
            }
            touchProducer(thread)
        }
    }

    // MARK: The service

    private func turn(_ loop: SimulatedLoop) {
        switch loop.takeJob() {
        case nil: break
        case .deliver: loop.deliver()
        case .lookedUp(let session, let subscription, let found, let request):
            session.didLookUp(subscription, found, request)
            touch(session.client)
        case .pageRead(let session, let subscription, let page):
            session.didRead(subscription, page)
            touch(session.client)
        case .emitted(let session, let emission, let outcome):
            session.didEmit(emission, outcome)
            touch(session.client)
        }
        touchLoop(loop.number)
    }

    private func takeRequest(_ client: Int, _ random: inout SimulationRandom) {
        for _ in 0..<(1 + random.below(4)) {
            guard let session = session(of: client, where: { $0.reads && $0.connection.hasInbound }),
                let item = session.connection.takeRequest()
            else { break }
            session.receive(item)
        }
        clients[client].forgetLeft()
        touch(client)
    }

    private func connect(_ client: SimulatedClient, _ random: inout SimulationRandom) {
        if client.isTokenExpired {
            let error = AgentEventsClientError(.declined, "the token has expired", status: 401)
            return client.disconnected(error, random: random.fraction())
        }
        guard let service, !service.isLeaving, isSettling || !random.once(in: 16) else {
            counts[.connectFailed] += 1
            let error = AgentEventsClientError(.unreachable, "nobody answers")
            return client.disconnected(error, random: random.fraction())
        }
        counts[.connectionMade] += 1
        client.connected(service.accept(client.number))
    }
}
