package import AgentEvents
package import AgentEventsProtocol

/// Carries out the commands of users, over whatever transport.
package struct CommandIntake: Sendable {
    private let runtime: AgentRuntime
    private let access: ThreadAccess
    /// Takes what asks for a run.
    private let intake: MessageIntake
    private let usage: ServiceLimits
    /// Says if an agent takes a command of the application's own.
    private let takesCustom: @Sendable (AgentName, CommandName) -> Bool

    init(
        runtime: AgentRuntime,
        access: ThreadAccess,
        intake: MessageIntake,
        usage: ServiceLimits,
        takesCustom: @escaping @Sendable (AgentName, CommandName) -> Bool
    ) {
        self.runtime = runtime
        self.access = access
        self.intake = intake
        self.usage = usage
        self.takesCustom = takesCustom
    }

    /// The answer to a command that is carried out.
    package struct Accepted: Hashable, Sendable {
        package var answer: CommandAnswer
        /// The position up to which everything has to be committed before it is told.
        package var position: UInt64
    }

    /// Says if the principal may command or answer in a thread, before there is a command. In a thread that is not there yet
    /// it may be one that opens it.
    ///
    /// - Parameter looksUp: whether the log is asked for the owner of the thread, too.
    /// - Throws: ``ProtocolError``.
    package func checkAccess(
        to thread: ThreadID,
        for principal: Principal,
        looksUp: Bool
    ) async throws(ProtocolError) {
        try ThreadAccess.checkScope(
            of: principal, for: principal.mayAnywhere(.approve) ? .approve : .command, in: thread)
        guard looksUp else { return }
        let owner = try await knownOwner(of: thread)
        try await access.check(owner == nil ? .command : .approve, of: thread, owner: owner, by: principal)
    }

    /// Carries a command out, and returns when what its answer tells is committed.
    ///
    /// - Throws: ``ProtocolError``; then nothing was logged.
    package func submit(
        _ request: CommandRequest,
        as principal: Principal
    ) async throws(ProtocolError) -> CommandAnswer {
        let accepted = try await carryOut(request, as: principal)
        do throws(AgentEventsError) {
            try await runtime.waitForCommit(at: accepted.position)
        } catch {
            throw ProtocolError(error, threadID: request.thread)
        }
        return accepted.answer
    }

    /// Carries a command out; its events may not be committed yet.
    ///
    /// - Parameter answer: what is known of the rights; `nil` for nothing.
    /// - Throws: ``ProtocolError``; then nothing was logged.
    func carryOut(
        _ request: CommandRequest,
        as principal: Principal,
        _ answer: RightsAnswer? = nil
    ) async throws(ProtocolError) -> Accepted {
        let thread = request.thread
        if let accepted = try await begin(request, as: principal) { return accepted }
        let owner = try await owner(of: thread, request.use, opens: request.opensSpace, for: principal, answer)
        let signed: Signed
        switch request.body.kind {
        case .run(let action, let reason):
            signed = .run(
                RunCommand(action, run: request.body.run, asOf: request.body.asOf, reason: reason, by: principal.user))
        case .answer(let answer):
            var signedAnswer = ApprovalAnswer(
                answer.approvalID, run: request.body.run, isApproved: answer.isApproved, data: answer.data,
                grant: answer.grant, by: principal.user)
            // It was found above.
            signedAnswer.hasRight = true
            signed = .answer(signedAnswer)
        case .revoke(let tool):
            signed = .revoke(tool, by: principal.user)
        case .value(var change):
            change.by = principal.user
            signed = .value(change)
        case .start, .message:
            preconditionFailure("what asks for a run was taken before")
        }
        let key = CommandKey(request.key, author: principal.user, thread: thread)
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: owner, thread: thread)
            let receipt = try await carryOut(signed, in: context, key.key)
            return Accepted(
                answer: CommandAnswer(
                    name: request.body.name, outcome: receipt.outcome, cursors: receipt.cursors, runID: receipt.run,
                    details: receipt.details),
                position: receipt.position)
        } catch {
            // It was opened meanwhile for somebody else, of whom the principal may not be to know.
            if error.code == .threadForbidden {
                _ = try await self.owner(of: thread, request.use, opens: false, for: principal, nil)
            }
            if error.code == .threadDeleted { throw try await access.refusal(ofDeleted: thread, for: principal.user) }
            var failure = ProtocolError(error, threadID: thread)
            if failure.code == .approvalDataInvalid, let fault = error.cause as? WireError {
                failure.path = "$.data.data" + fault.path.dropFirst()
            }
            if failure.code == .keyConflict {
                // The key in the log is not the one that the client knows.
                failure.message =
                    "the key \(request.key) was used for another command: send this one with a key of its own"
            }
            throw failure
        }
    }

    /// Has a run begin, if the command asks for one. A thread that is not there yet is opened for it.
    private func begin(
        _ request: CommandRequest,
        as principal: Principal
    ) async throws(ProtocolError) -> Accepted? {
        let begun: MessageIntake.Answer
        switch request.body.kind {
        case .run, .answer, .revoke, .value:
            return nil
        case .message(let message):
            let asked = MessageRequest(
                text: message.text, agent: message.agent, data: message.data,
                policy: message.policy, replaces: message.replaces,
                answersApproval: message.answersApproval, trace: message.trace)
            do throws(ProtocolError) {
                begun = try await intake.submit(asked, key: request.key, in: request.thread, from: principal)
            } catch {
                throw error.code == .messageInvalid ? error.ofCommand : error
            }
        case .start(let start):
            let asked = StartRequest(
                agent: start.agent, input: start.input,
                policy: start.policy, retryOf: start.retryOf,
                trace: start.trace)
            begun = try await intake.start(asked, key: request.key, in: request.thread, from: principal)
        }
        return Accepted(
            answer: CommandAnswer(
                name: request.body.name, outcome: begun.isRepeated ? .repeated : .done, cursors: begun.cursors,
                runID: begun.run, messageID: begun.message,
                details: begun.run.map { run in
                    CommandDetails(runs: [CommandDetails.Run(runID: run, status: begun.status?.ofRun)])
                }),
            position: 0)
    }

    /// A command with the name of the one who gives it, for the thread to decide on.
    private enum Signed {
        case run(RunCommand)
        case answer(ApprovalAnswer)
        case revoke(ToolName, by: UserID)
        case value(ContextChange)
    }

    private func carryOut(
        _ signed: Signed,
        in context: ExecutionContext,
        _ key: IdempotencyKey
    ) async throws(AgentEventsError) -> CommandReceipt {
        switch signed {
        case .answer(let answer):
            return try await context.carryOut(answer, key: key)
        case .revoke(let tool, let user):
            return try await context.carryOutRevocation(of: tool, by: user, key: key)
        case .value(let change):
            return try await context.carryOut(change, key: key)
        case .run(let command):
            return try await context.carryOut(command, key: key) { agent in
                guard case .custom(let name, value: _) = command.action else { return false }
                return takesCustom(agent, name)
            }
        }
    }

    /// The rights that a command takes, as far as they are known without a question; `nil` when the authorizer has to be
    /// asked.
    func knownRights(in thread: ThreadID, of principal: Principal) -> RightsAnswer? {
        guard let owner = runtime.knownOwner(of: thread) else { return nil }
        return access.known(RightsRequest(principal: principal, thread: thread, owner: owner))
    }

    /// The user of a thread in which the principal may command, or answer.
    ///
    /// - Parameter opens: whether one for the values of the principal is opened that has no events yet.
    /// - Throws: ``ProtocolError``; `thread.unknown` also for a thread without events: there is nothing to command.
    private func owner(
        of thread: ThreadID,
        _ use: ThreadUse,
        opens: Bool,
        for principal: Principal,
        _ answer: RightsAnswer?
    ) async throws(ProtocolError) -> UserID {
        try ThreadAccess.checkScope(of: principal, for: use, in: thread)
        let owner = try await knownOwner(of: thread)
        if let answer, answer.owner == owner, access.counts(answer) {
            guard answer.allows(use) else { throw .unknown(thread) }
        } else {
            try await access.check(use, of: thread, owner: owner, by: principal)
        }
        if let owner { return owner }
        guard opens, let space = ContextThread(thread), space.user == principal.user else { throw .unknown(thread) }
        if let refusal = usage.opening(of: thread, for: space.user, by: principal) { throw refusal }
        return space.user
    }

    /// - Returns: `nil` for a thread without events.
    private func knownOwner(of thread: ThreadID) async throws(ProtocolError) -> UserID? {
        do throws(EventLogError) {
            return try await runtime.owner(of: thread)
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
    }
}

extension ProtocolError {
    /// A fault in the members of a message, as one in the data of the command that has them.
    fileprivate var ofCommand: ProtocolError {
        var error = self
        error.code = .commandInvalid
        error.path = path.map { "$.data" + $0.dropFirst() }
        return error
    }
}

extension CommandRequest {
    /// Whether the first value of a user's space opens it.
    fileprivate var opensSpace: Bool {
        guard case .value(let change) = body.kind, case .set = change.kind else { return false }
        return true
    }

    /// An answer takes less than other commands, and so does taking one back.
    var use: ThreadUse {
        switch body.kind {
        case .answer, .revoke: .approve
        case .run, .start, .message, .value: .command
        }
    }
}

/// The identity of a command that may be sent again: one key of one author in one thread.
struct CommandKey: Hashable, Sendable {
    /// The key in the log; what others send under the same key is no repetition of it.
    let key: IdempotencyKey

    init(_ key: IdempotencyKey, author: UserID, thread: ThreadID) {
        // An id has no space in it.
        let text = "\(thread.rawValue) \(author.rawValue) \(key.rawValue)"
        let digits = Hexadecimal.text(of: SHA256Hash.hash(Array(text.utf8)).prefix(16))
        do throws(IdentifierError) {
            self.key = try IdempotencyKey("command~\(digits)")
        } catch {
            preconditionFailure("letters and digits are an id")
        }
    }
}
