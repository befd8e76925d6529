import AgentEvents
import AgentEventsChecks

/// Disturbs an agent in all ways, one after the other, until it does not survive one.
struct SurvivalCheck: Sendable {
    let subject: SurvivalTrial.Subject
    let failsWhenRefused: Bool

    private typealias Outcome = SurvivalTrial.Outcome

    /// - Returns: the first disturbance that the agent does not survive, and why; `nil` when it survives all of them.
    func fault() async -> String? {
        do {
            let whole = try await run(.nothing, over: InMemoryEventLog())
            if let problem = problem(with: whole, .nothing, whole: whole) {
                return text(.nothing, problem, whole.events)
            }
            let events = whole.events
            for disturbance in Disturbance.all(events, maximumCount: subject.maximumEventCount) {
                let memory = InMemoryEventLog()
                let trial = try await run(disturbance, over: memory)
                if let problem = problem(with: trial, disturbance, whole: whole) {
                    return text(disturbance, problem, events)
                }
                guard case .kill = disturbance else { continue }
                // The next process ends what is lost when it opens the log, and asks the agent again.
                let again = try await run(.nothing, over: memory, life: 2)
                if let problem = problem(with: again, .nothing, whole: whole) {
                    return text(disturbance, "asked again by the next process, \(problem)", events)
                }
            }
            return nil
        } catch {
            return "The agent \(subject.agent) cannot be tried: \(error)"
        }
    }

    private func text(_ disturbance: Disturbance, _ problem: String, _ events: [AgentEvent]) -> String {
        "The agent \(subject.agent) does not survive \(disturbance.text(events)): \(problem)."
    }

    private func run(
        _ disturbance: Disturbance,
        over memory: InMemoryEventLog,
        life: UInt64 = 1
    ) async throws -> Outcome {
        try await SurvivalTrial(subject, disturbance).run(over: memory, life: life)
    }

    // MARK: Judgement

    /// The problem with the outcome of a trial, in words; `nil` when there is none.
    private func problem(with outcome: Outcome, _ disturbance: Disturbance, whole: Outcome) -> String? {
        if case .kill = disturbance { return effectProblem(outcome, disturbance, whole) }
        if let refusal = outcome.refusal {
            return "the form of its question cannot be filled in by what stands in its schema (\(refusal))"
        }
        if case .hangs = outcome.body {
            return
                "its code has not returned within \(subject.timeLimit). A run that is stopped cancels its task: let errors "
                + "of the run's methods through, and end loops and waits when the task is cancelled"
        }
        return endProblem(outcome, disturbance) ?? refusedCallProblem(outcome)
            ?? effectProblem(outcome, disturbance, whole) ?? orderProblem(outcome)
    }

    private func endProblem(_ outcome: Outcome, _ disturbance: Disturbance) -> String? {
        guard let end = outcome.end else { return "its run has no end" }
        switch (disturbance, end.payload) {
        case (_, .agentCompleted), (.stop, .agentCancelled): return nil
        case (.deny, .agentFailed), (.expire, .agentFailed):
            if failsWhenRefused { return nil }
            return
                "its run has failed (\(EventSummary.text(end))). A no is an answer: take the outcome of approve(…), and catch "
                + "ApprovalRefused where a tool throws it, or say failsWhenRefused when the run is meant to fail"
        case (.pause, _), (.answerWhilePaused, _):
            return
                "its run has ended as \(EventSummary.text(end)). A pause is no failure: the run's methods wait while it lasts"
        default: return "its run has ended as \(EventSummary.text(end))"
        }
    }

    /// A call whose question had a no, or no answer, has not succeeded.
    private func refusedCallProblem(_ outcome: Outcome) -> String? {
        var asked: [ApprovalID: CallID] = [:]
        var refused: Set<CallID> = []
        for event in outcome.events {
            switch event.payload {
            case .approvalRequested(let request): asked[request.approvalID] = request.callID
            case .approvalResolved(let resolved) where resolved.decision != .approved:
                if let call = asked[resolved.approvalID] { refused.insert(call) }
            case .toolCompleted(let completed) where completed.status == .succeeded:
                guard refused.contains(completed.callID) else { continue }
                return "the call \(completed.callID) of \(completed.tool) has succeeded, and nobody has approved it"
            default: continue
            }
        }
        return nil
    }

    /// Each thing that is done needs a yes, and is done once.
    private func effectProblem(_ outcome: Outcome, _ disturbance: Disturbance, _ whole: Outcome) -> String? {
        if let first = outcome.marks.first, first.effectCount > 0 {
            return "it has done \(Self.things(first.effectCount)) before anybody has approved anything"
        }
        if !outcome.marks.isEmpty, !outcome.marks.contains(where: { $0.decision == .approved }), outcome.effectCount > 0
        {
            return "it has done \(Self.things(outcome.effectCount)), and nobody has approved it"
        }
        if outcome.effectCount > whole.effectCount {
            return
                "it has done \(Self.things(outcome.effectCount)), undisturbed it does \(whole.effectCount): a tool has "
                + "worked twice"
        }
        switch disturbance {
        case .deny(let question), .expire(let question):
            let place = question - 1
            guard outcome.marks.indices.contains(place), whole.marks.indices.contains(place),
                outcome.marks[place].decision != .approved, whole.marks[place].followingCount > 0,
                outcome.marks[place].followingCount >= whole.marks[place].followingCount
            else { return nil }
            return "it has done \(Self.things(outcome.marks[place].followingCount)) then, as after a yes"
        case .nothing, .stop, .pause, .kill, .answerWhilePaused: return nil
        }
    }

    private static func things(_ count: Int) -> String { count == 1 ? "1 thing" : "\(count) things" }

    private func orderProblem(_ outcome: Outcome) -> String? {
        let faults = validate(events: outcome.events)
        return faults.first.map { "its events are not well-formed (\($0.eventID?.description ?? ""): \($0.message))" }
    }
}
