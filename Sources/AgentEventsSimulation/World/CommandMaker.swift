import AgentEvents
import AgentEventsHub
import AgentEventsProtocol

/// The commands that people think of, by what they see in a thread: in time and too late, for what is open and what is not.
struct CommandMaker {
    /// Whether they write messages, and have runs done again.
    let sendsMessages: Bool

    /// - Parameter onlyResumes: whether only what the thread needs to come to rest is commanded.
    func make(_ log: SimulatedThread, onlyResumes: Bool, _ random: inout SimulationRandom) -> CommandBody {
        if onlyResumes {
            guard let asked = log.unexpiring.first, log.pausedRuns.isEmpty || random.once(in: 2) else {
                return CommandBody(.run(.resume, reason: nil))
            }
            return answer(to: asked, isFitting: true, &random)
        }
        if let asked = asked(in: log, &random) { return answer(to: asked, isFitting: false, &random) }
        switch random.below(16) {
        case 0: return CommandBody(.answer(AnswerCommand("q_none", isApproved: true)))
        case 1, 2: return start(log, &random)
        case 3, 4, 5:
            guard sendsMessages else { return act(log, &random) }
            let message = MessageCommand(text: "command \(random.below(2))", policy: policy(&random))
            return CommandBody(.message(message))
        default: return act(log, &random)
        }
    }

    // MARK: Runs

    private func act(_ log: SimulatedThread, _ random: inout SimulationRandom) -> CommandBody {
        let action: RunCommand.Action =
            switch random.below(12) {
            case 0: .stop
            case 1...5: .pause
            case 6: .custom(random.once(in: 3) ? "editor.redo" : CrewAgent.command, value: 1)
            default: .resume
            }
        var body = CommandBody(.run(action, reason: nil))
        if random.once(in: 3), !log.openRuns.isEmpty { body.run = log.openRuns[random.below(log.openRuns.count)].run }
        if random.once(in: 2), log.head > 0 { body.asOf = log.event(UInt64(random.below(Int(log.head))) + 1)?.id }
        return body
    }

    private func start(_ log: SimulatedThread, _ random: inout SimulationRandom) -> CommandBody {
        let known = log.startedRuns
        let retried = known.isEmpty || random.once(in: 4) ? nil : known[random.below(known.count)]
        return CommandBody(
            .start(
                StartCommand(
                    agent: random.once(in: 2) ? "echo" : nil, input: retried == nil ? "again" : nil,
                    policy: policy(&random), retryOf: retried)))
    }

    private func policy(_ random: inout SimulationRandom) -> ConcurrencyPolicy? {
        RealWorld.policies[random.below(RealWorld.policies.count)]
    }

    // MARK: Answers

    /// A request to answer: mostly one that is open.
    private func asked(in log: SimulatedThread, _ random: inout SimulationRandom) -> ApprovalAccount.Request? {
        let open = log.approvals.open
        if !open.isEmpty, random.once(in: 2) { return open[random.below(open.count)] }
        let known = log.approvals.requests.suffix(4)
        guard random.once(in: 6), !known.isEmpty else { return nil }
        return known[known.startIndex + random.below(known.count)]
    }

    private func answer(
        to request: ApprovalAccount.Request,
        isFitting: Bool,
        _ random: inout SimulationRandom
    ) -> CommandBody {
        let isApproved = random.below(3) > 0
        var members: [(String, JSONValue)] = []
        if request.asked.schema != nil, isFitting || !random.once(in: 4) {
            let name = CrewQuestion.environments[random.below(CrewQuestion.environments.count)]
            members.append(("environment", .string(isFitting || !random.once(in: 6) ? name : "elsewhere")))
        }
        let isEdited = request.asked.isEditable && request.asked.callID != nil
        if isEdited ? random.once(in: 2) : !isFitting && random.once(in: 12) {
            members.append(("arguments", ["build": 8]))
        }
        let data: JSONValue? = isApproved && !members.isEmpty ? .object(JSONObject(members)) : nil
        var body = CommandBody(.answer(AnswerCommand(request.place.approval, isApproved: isApproved, data: data)))
        // Several runs may ask under one id.
        if isFitting || random.once(in: 2) { body.run = request.place.run }
        return body
    }
}
