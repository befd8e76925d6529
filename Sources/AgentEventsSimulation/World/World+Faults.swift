import AgentEvents
import AgentEventsClient
import AgentEventsHub

// What goes wrong.
extension World {
    /// - Returns: `false` when it cannot go wrong now.
    func disturb(_ choice: Choice, _ random: inout SimulationRandom) throws(InvariantViolation) -> Bool {
        switch choice.kind {
        case .cut, .halfOpen, .stall, .crash, .expire:
            guard choice.entity < clients.count, disturb(clients[choice.entity], choice.kind, &random) else {
                return false
            }
            touch(choice.entity)
            return true
        case .trim, .giveBack:
            guard choice.entity < producers.count else { return false }
            return disturbThread(choice.entity, choice.kind, &random)
        case .kill:
            guard service != nil else { return false }
            counts[.killed] += 1
            try endService(keepsCommit: random.once(in: 2), &random)
        case .powerLoss:
            guard service != nil else { return false }
            counts[.powerLost] += 1
            try endService(keepsCommit: false, &random)
            let lost = try log.lose(1 + random.below(8))
            counts[.eventsLost] += lost.eventCount
            // A program that was told of events which are gone gives its run up.
            for thread in lost.threads where producers[thread].isRemote { producers[thread].giveUp() }
            // As a backup does that is restored.
            if random.once(in: 2) { log.becomeCopy() }
        case .logFailure:
            guard let service, service.runtime.underWay != nil else { return false }
            counts[.logFailed] += 1
            try endService(keepsCommit: random.once(in: 2), &random)
        case .drain:
            guard let service, service.spread == nil else { return false }
            counts[.drained] += 1
            try drain(service)
        case .offer, .commit, .loop, .work, .request, .deliver, .send, .take, .connect, .timer, .job, .agent:
            preconditionFailure("no fault")
        }
        return true
    }

    private func disturb(
        _ client: SimulatedClient,
        _ kind: ChoiceKind,
        _ random: inout SimulationRandom
    ) -> Bool {
        switch kind {
        case .cut, .halfOpen:
            guard client.phase == .open, let session = client.session else { return false }
            counts[kind == .cut ? .cut : .halfOpened] += 1
            counts[.connectionLost] += 1
            if session.connection.hasOutbound { counts[.frameLost] += 1 }
            let error = AgentEventsClientError(.closed, "the connection broke", closeCode: 1006)
            client.disconnected(error, random: random.fraction(), tellsService: kind == .cut)
        case .stall:
            client.isStalled.toggle()
            if client.isStalled { counts[.stalled] += 1 }
        case .crash:
            counts[.crashed] += 1
            client.crash()
        case .expire:
            guard let session = client.session, !session.isGone, service != nil else { return false }
            counts[.expired] += 1
            session.close(4401)
        default:
            return false
        }
        return true
    }

    private func disturbThread(_ thread: Int, _ kind: ChoiceKind, _ random: inout SimulationRandom) -> Bool {
        switch kind {
        case .trim:
            guard service != nil else { return false }
            let trimmed = log.trim(thread, count: 1 + random.below(random.once(in: 8) ? 1000 : 20))
            counts[.trimmed] += trimmed
            return trimmed > 0
        case .giveBack:
            return service?.runtime.giveBack(thread) ?? false
        default:
            return false
        }
    }

    /// The service announces its end, and ends its agents. Programs elsewhere go on until it leaves.
    private func drain(_ service: SimulatedService) throws(InvariantViolation) {
        service.drain()
        _ = service.runtime.slots.close()
        for thread in producers.indices {
            for run in service.runtime.openHostedRuns(in: thread) {
                let cancelled = AgentCancelled(reason: "the service stops", durationMilliseconds: 0)
                _ = try service.runtime.emit([EventDraft(runID: run, .agentCancelled(cancelled))], in: thread, at: time)
            }
        }
        setTimer(.leave, after: 500)
    }
}
