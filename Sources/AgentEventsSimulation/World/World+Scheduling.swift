// Which step comes next, and how a world comes to rest.
extension World {
    private static let faults: [(kind: ChoiceKind, weight: Int)] = [
        (.cut, 24), (.halfOpen, 6), (.stall, 24), (.crash, 8), (.expire, 6), (.trim, 6), (.giveBack, 12), (.kill, 3),
        (.powerLoss, 4), (.logFailure, 3), (.drain, 2),
    ]
    private static let faultWeight = faults.reduce(0) { $0 + $1.weight }

    /// One of the steps that may happen now; it may turn out that it cannot.
    func propose(_ random: inout SimulationRandom) -> Choice {
        let value = UInt32(truncatingIfNeeded: random.next() >> 32)
        if !isSettling, size.faultInterval > 0, random.once(in: size.faultInterval) {
            return fault(&random, value: value)
        }
        // What can happen to many happens more often.
        let weights = (
            offer: offering.isEmpty ? 0 : 6 + offering.count / 2,
            commit: service?.runtime.isWriterReady == true ? 8 : 0,
            loop: loopsWithJobs.isEmpty ? 0 : 16 + loopsWithJobs.count,
            work: weight(working), request: weight(requesting), deliver: weight(receiving), send: weight(sending),
            take: weight(taking), connect: weight(connecting), timer: 3 + size.clientCount / 16
        )
        let sum =
            weights.offer + weights.commit + weights.loop + weights.work + weights.request + weights.deliver
            + weights.send + weights.take + weights.connect + weights.timer
        var pick = random.below(sum)
        func isPicked(_ weight: Int) -> Bool {
            pick -= weight
            return pick < 0
        }
        func choice(_ kind: ChoiceKind, _ set: ReadySet) -> Choice {
            Choice(kind, set.members[random.below(set.count)], value: value)
        }
        if isPicked(weights.deliver) { return choice(.deliver, receiving) }
        if isPicked(weights.take) { return choice(.take, taking) }
        if isPicked(weights.offer) { return choice(.offer, offering) }
        if isPicked(weights.loop) { return choice(.loop, loopsWithJobs) }
        if isPicked(weights.commit) { return Choice(.commit, value: value) }
        if isPicked(weights.work) { return choice(.work, working) }
        if isPicked(weights.request) { return choice(.request, requesting) }
        if isPicked(weights.send) { return choice(.send, sending) }
        if isPicked(weights.connect) { return choice(.connect, connecting) }
        return Choice(.timer, value: value)
    }

    private func weight(_ set: ReadySet) -> Int { set.isEmpty ? 0 : 8 + set.count }

    private func fault(_ random: inout SimulationRandom, value: UInt32) -> Choice {
        var pick = random.below(Self.faultWeight)
        for (kind, weight) in Self.faults {
            pick -= weight
            guard pick < 0 else { continue }
            switch kind {
            case .trim, .giveBack: return Choice(kind, random.below(size.threadCount), value: value)
            default: return Choice(kind, random.below(size.clientCount), value: value)
            }
        }
        preconditionFailure("one of them is picked")
    }

    // MARK: Coming to rest

    /// Nothing goes wrong any more, after one more end of the process; everybody has to reach the head.
    ///
    /// - Returns: how many steps that took.
    func settle(seed: UInt64) -> Int {
        isSettling = true
        var random = SimulationRandom(seed: seed ^ 0x0DDB_A11)
        for client in clients where client.isStalled {
            client.isStalled = false
            touch(client.number)
        }
        for thread in producers.indices { touchProducer(thread) }
        if service != nil { _ = perform(Choice(.kill, value: 7)) }
        // Everybody may have to read everything again, a few steps for an event, and comes forward all the time.
        let patience = 100_000 + 2000 * size.clientCount
        let limit = patience + 20 * counts[.eventCommitted] * size.clientCount * size.followedCount
        var lastTaken = (step: 0, count: counts[.eventTaken])
        for step in 0..<limit {
            if violation != nil { return step }
            if counts[.eventTaken] != lastTaken.count { lastTaken = (step, counts[.eventTaken]) }
            if step - lastTaken.step > patience { break }
            if isQuiet, isAtRest {
                checkRest()
                return step
            }
            // Time does not pass while there is something to do.
            var choice = propose(&random)
            if choice.kind == .timer, !isQuiet, !random.once(in: 64) { choice = propose(&random) }
            _ = perform(choice)
        }
        let restless = clients.first { !$0.isSettled }
        fail(
            InvariantViolation(
                .liveness,
                restless.map { "client \($0.number) does not come to rest: \($0.stateInWords)" }
                    ?? "the service does not come to rest"))
        return limit
    }

    /// Whether nothing can happen but that time goes on.
    private var isQuiet: Bool {
        guard let service, !service.runtime.isWriterReady else { return false }
        return loopsWithJobs.isEmpty && working.isEmpty && requesting.isEmpty && receiving.isEmpty && sending.isEmpty
            && taking.isEmpty && connecting.isEmpty
    }

    private var isAtRest: Bool {
        guard let service, service.spread == nil, service.takesEvents else { return false }
        // Those of programs elsewhere end when nothing comes for them.
        guard log.threads.allSatisfy({ !$0.hasOpenRuns }) else { return false }
        return clients.allSatisfy(\.isSettled)
    }

    private func checkRest() {
        for thread in log.threads {
            if let violation = thread.unended { return fail(violation) }
        }
        for client in clients {
            if let violation = client.unanswered {
                return fail(InvariantViolation(violation.rule, "client \(client.number): \(violation.message)"))
            }
            for reader in client.readers {
                guard let violation = reader.missing(log.threads[reader.thread]) else { continue }
                return fail(InvariantViolation(violation.rule, "client \(client.number): \(violation.message)"))
            }
        }
    }
}
