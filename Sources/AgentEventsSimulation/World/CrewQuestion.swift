import AgentEvents

/// What an agent of the world asks people for.
struct CrewQuestion: Sendable {
    /// The data of a form.
    struct Form: Decodable, Sendable {
        var environment: String
    }

    /// A user who has no access to any thread: nobody can answer what only they are asked for.
    static let reviewer: UserID = "u_reviewer"

    static let environments = ["staging", "production"]

    static let form: ApprovalSchema = {
        let json: JSONValue = [
            "type": "object",
            "properties": ["environment": ["type": "string", "enum": ["staging", "production"]]],
            "required": ["environment"],
        ]
        guard let schema = try? ApprovalSchema(json) else { preconditionFailure("the form is one") }
        return schema
    }()

    var approval: ToolApproval
    var isForm: Bool { approval.schema != nil }

    init(_ random: inout SimulationRandom, owner: UserID) {
        approval = ToolApproval("May I?")
        if random.once(in: 3) { approval.schema = Self.form }
        if random.once(in: 6) { approval.approvers = [Self.reviewer] }
        if random.once(in: 6) { approval.approvers = [Self.reviewer, owner] }
        approval.isEditable = random.once(in: 3)
        let times: [Duration] = [.milliseconds(1), .seconds(8), .seconds(30), .seconds(120)]
        approval.time = times[random.below(times.count)]
        // What only others may answer has to expire.
        if random.once(in: 2), approval.approvers != [Self.reviewer] { approval.time = nil }
    }
}

// How agents ask, and what they do then.
extension AgentCrew {
    /// A tool whose body needs a yes. A no is fine.
    func askForTool(_ run: AgentRun) async throws {
        let question = question(for: run)
        do {
            try await run.tool("deploy", arguments: ["build": 7], approval: question.approval) { call in
                begin(call)
                witness.count(.bodyApproved)
                _ = await pause()
            }
        } catch is ApprovalRefused {
            return
        }
    }

    /// Several at once, which are answered in any order.
    func askForTools(_ run: AgentRun) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { try await self.askForTool(run) } }
            try await group.waitForAll()
        }
    }

    /// A question without a call.
    func ask(_ run: AgentRun) async throws {
        let question = question(for: run)
        let id = ApprovalID(text: IdentifierText(unchecked: "q\(nextQuestion())"))
        let approval = question.approval
        if question.isForm {
            let outcome = try await run.approve(
                approval.prompt, as: CrewQuestion.Form.self, CrewQuestion.form, id: id, approvers: approval.approvers,
                within: approval.time)
            guard case .approved(let answer) = outcome else { return }
            if !CrewQuestion.environments.contains(answer.form.environment) {
                witness.fail(
                    InvariantViolation(.answers, "\(run.context.thread): \(id) is approved with \(answer.form)"))
            }
        } else {
            let outcome = try await run.approve(
                approval.prompt, id: id, approvers: approval.approvers, within: approval.time)
            guard case .approved = outcome else { return }
        }
        guard !isStopped else { return }
        witness.acted(upon: id, of: run.id, in: run.context.thread, at: now)
    }

    /// A child run, which asks for something itself. It is one of the same agent: where that resumes its runs, the child stays
    /// open with its parent.
    func delegate(_ run: AgentRun) async throws {
        do {
            try await run.withChild(agent: run.agent) { child in
                try await child.think("hm")
                if asks { try await askForTool(child) } else { try await ask(child) }
            }
        } catch let error as AgentEventsError where error.code == .order(.alreadyEnded) {
            // A child that is stopped is no matter of its parent.
            return
        }
    }

    /// The body of a call has begun.
    func begin(_ call: ToolCall) {
        guard !isStopped else { return }
        witness.bodyBegins(call.id, of: call.run.id, with: call.arguments, in: call.run.context.thread, at: now)
    }

    private func question(for run: AgentRun) -> CrewQuestion { makeQuestion(owner: run.context.user) }
}
