import Synchronization

// Commands of users, decided in the thread's synchronous section. What a command does is events: it is answered when these
// are accepted, with their ids.

extension ExecutionContext {
    /// Carries a command out, and returns when its events are committed. For one that changes nothing that is when what it met
    /// is.
    ///
    /// The runs end, pause and resume in the log at once. The body of a run that is ended is cancelled right after, where the
    /// runtime can do that (``AgentRuntime/withRun(user:thread:agent:input:id:deadline:_:)``).
    ///
    /// - Parameters:
    ///   - key: the same key again within 24 hours answers with the same ids and does nothing, also after a restart. A command
    ///     that changed nothing is remembered for 10 minutes, in memory.
    /// - Throws: ``AgentEventsError``: `run.unknown`, `run.not_started`, `run.not_open` or `run.paused` with the state that the
    ///   command met in ``AgentEventsError/details``; `key.conflict` when the key was used for another request; or an error of
    ///   the log. Then nothing changed.
    public func command(
        _ command: RunCommand,
        key: IdempotencyKey? = nil
    ) async throws(AgentEventsError) -> CommandReceipt {
        let receipt = try await carryOut(command, key: key) { _ in true }
        try await waitForCommit(at: receipt.position)
        return receipt
    }

    /// Carries a command out; its events may not be committed yet.
    ///
    /// - Parameter takesCustom: whether an agent takes commands of the application's own; asked for runs of this process.
    package func carryOut(
        _ command: RunCommand,
        key: IdempotencyKey?,
        takesCustom: @Sendable (AgentName) -> Bool
    ) async throws(AgentEventsError) -> CommandReceipt {
        let fence = try await fence(command.asOf)
        return try await carryOut(
            key: key, command.canonicalText,
            settle: { (request) async throws(AgentEventsError) in try await settle(command, fence, request, takesCustom)
            },
            receipt: { (outcome) async throws(AgentEventsError) in try await receipt(of: outcome, command) })
    }

    /// Carries something out that may be sent again with its key.
    ///
    /// - Parameters:
    ///   - text: what is asked for, so that the key of something else is noticed.
    ///   - settle: looks the key up in the log, decides, and accepts the events.
    func carryOut<Outcome: CommandOutcomeKind>(
        key: IdempotencyKey?,
        _ text: @autoclosure () -> String,
        settle: (KeyedRequest?) async throws(AgentEventsError) -> Outcome,
        receipt: (Outcome) async throws(AgentEventsError) -> CommandReceipt
    ) async throws(AgentEventsError) -> CommandReceipt {
        guard let key else { return try await receipt(try await settle(nil)) }
        let digest = try RequestDigest(of: [], for: user, detail: text())
        if let repeated = try await begin(key, digest) { return CommandReceipt(repeated) }
        do throws(AgentEventsError) {
            if let remembered = try remembered(key, digest) {
                for waiter in keyedEmissions.finish(key) { waiter.resume() }
                return remembered
            }
            let outcome = try await settle(KeyedRequest(key: key, digest: digest))
            guard let batch = outcome.batch else {
                let receipt = try await receipt(outcome)
                if receipt.outcome == .unchanged { remember(receipt, key, digest) }
                for waiter in keyedEmissions.finish(key) { waiter.resume() }
                return receipt
            }
            let committed = services.commit.committedPosition
            for waiter in keyedEmissions.finish(key, accepted: batch.receipt, digest, committedThrough: committed) {
                waiter.resume()
            }
            return try await receipt(outcome)
        } catch {
            for waiter in keyedEmissions.finish(key) { waiter.resume() }
            throw error
        }
    }

    // MARK: Deciding

    private enum CommandOutcome: CommandOutcomeKind {
        case logged(AcceptedBatch, CommandDetails)
        case unchanged(CommandDetails)
        case ended(RunID, CommandDetails)
        case refused(CommandRefusal)
        /// It was logged before.
        case known(EmitReceipt)

        var decision: ContentionDecision {
            switch self {
            case .logged: .offered
            // By what is known of the thread.
            case .unchanged, .ended, .refused: .nothing
            case .known: .final
            }
        }

        var batch: AcceptedBatch? { if case .logged(let batch, _) = self { batch } else { nil } }
    }

    private func settle(
        _ command: RunCommand,
        _ fence: CommandFence,
        _ request: KeyedRequest?,
        _ takesCustom: (AgentName) -> Bool
    ) async throws(AgentEventsError) -> CommandOutcome {
        try await settled { () async throws(AgentEventsError) in
            if let request, let known = try await recall(request.key, request.digest) { return .known(known) }
            if let outcome = try decide(command, fence, isUsed: nil, request, takesCustom) { return outcome }
            return try await decideAfterLookUp(command, fence, request, takesCustom)
        }
    }

    /// Asks the log whether there was a run of the id that the command names, and decides again: it may have begun meanwhile.
    private func decideAfterLookUp(
        _ command: RunCommand,
        _ fence: CommandFence,
        _ request: KeyedRequest?,
        _ takesCustom: (AgentName) -> Bool
    ) async throws(AgentEventsError) -> CommandOutcome {
        guard let run = command.run else { preconditionFailure("a run is looked up when one is named") }
        let position = path.beginLookUp()
        defer { path.endLookUp(committedThrough: position) }
        let started = try await mapLogError { () async throws(EventLogError) in
            try await services.log.startedRuns(among: [run], in: thread)
        }
        guard let outcome = try decide(command, fence, isUsed: started.contains(run), request, takesCustom) else {
            preconditionFailure("the log has answered")
        }
        return outcome
    }

    /// Decides on what the thread is now, and accepts the events, with nothing in between.
    ///
    /// - Returns: `nil` when a run has to be looked up first.
    private func decide(
        _ command: RunCommand,
        _ fence: CommandFence,
        isUsed: Bool?,
        _ request: KeyedRequest?,
        _ takesCustom: (AgentName) -> Bool
    ) throws(AgentEventsError) -> CommandOutcome? {
        let time = try path.begin()
        // What ended here is known here: the log may not have it yet.
        let hasEndedHere = command.run.map { path.machine.endedRuns.contains($0) } ?? false
        let decision = command.decide(
            on: path.machine.occupancy, fence: fence, isUsed: hasEndedHere ? true : isUsed, takesCustom: takesCustom)
        switch decision {
        case .log(let drafts, let details):
            // An end is not refused for its length (I7).
            let emission = Emission(request: request, isIndexed: true, isLimited: command.action != .stop)
            do throws(AgentEventsError) {
                guard let batch = try path.accept(drafts, emission, at: time) else {
                    preconditionFailure("a run that is open is not looked up")
                }
                keepForHalves()
                return .logged(batch, details)
            } catch {
                // The sender gave no events, so it is not told about the place of one.
                var error = error
                error.index = nil
                throw error
            }
        case .unchanged(let details): return .unchanged(details)
        case .ended(let run, let details): return .ended(run, details)
        case .refuse(let refusal): return .refused(refusal)
        case .lookUp: return nil
        }
    }

    /// Finds what the sender of a command had seen last.
    private func fence(_ cursor: Cursor?) async throws(AgentEventsError) -> CommandFence {
        guard let cursor else { return .none }
        return try await mapLogError { () async throws(EventLogError) in
            let record = try await services.log.thread(thread)
            let place = try await services.log.resolve(
                .after(cursor), in: thread, record: record, generation: services.generation)
            return switch place {
            case .position(let sequence): .through(sequence)
            case .diverged, .trimmed, .unknown: .unknown
            }
        }
    }

    // MARK: Answering

    private func receipt(
        of outcome: CommandOutcome,
        _ command: RunCommand
    ) async throws(AgentEventsError) -> CommandReceipt {
        switch outcome {
        case .logged(let batch, let details):
            if batch.accepted.isFull { await services.commit.waitForCapacity() }
            return CommandReceipt(
                .done, cursors: batch.ids, run: details.onlyRun, details: details, position: batch.accepted.position)
        case .unchanged(let details):
            return unchanged(details)
        case .ended(let run, var details):
            details.runs = [try await endedRun(run)]
            return unchanged(details)
        case .refused(.runNotOpen(let run?)):
            var error = AgentEventsError(.runNotOpen(run), of: command)
            error.details = CommandDetails(runs: [try await endedRun(run)])
            throw error
        case .refused(let refusal):
            throw AgentEventsError(refusal, of: command)
        case .known(let receipt):
            return CommandReceipt(receipt)
        }
    }

    /// The answer tells of nothing that is not committed yet.
    private func unchanged(_ details: CommandDetails) -> CommandReceipt {
        CommandReceipt(.unchanged, run: details.onlyRun, details: details, position: offeredPosition.latest)
    }

    /// How a run has ended, as far as the log still knows.
    private func endedRun(_ run: RunID) async throws(AgentEventsError) -> CommandDetails.Run {
        try await waitForCommit(at: offeredPosition.latest)
        let state = try await mapLogError { () async throws(EventLogError) in
            try await ThreadFold.state(of: thread, in: services.log)
        }
        let status = state.runs.last { $0.runID == run }.map { CommandDetails.Status($0.status) }
        return CommandDetails.Run(runID: run, status: status)
    }

    // MARK: Commands that changed nothing

    private func remembered(
        _ key: IdempotencyKey,
        _ digest: RequestDigest
    ) throws(AgentEventsError) -> CommandReceipt? {
        let now = services.environment.monotonicNow()
        let answer = services.rememberedCommands.withLock { $0.find(key, in: thread, at: now) }
        guard let answer else { return nil }
        guard answer.digest == digest else { throw Self.conflict(key, []) }
        var receipt = answer.receipt
        receipt.outcome = .repeated
        return receipt
    }

    private func remember(_ receipt: CommandReceipt, _ key: IdempotencyKey, _ digest: RequestDigest) {
        let now = services.environment.monotonicNow()
        services.rememberedCommands.withLock {
            $0.remember(RememberedCommands.Answer(digest: digest, receipt: receipt), as: key, in: thread, at: now)
        }
    }
}

/// What came of a command.
protocol CommandOutcomeKind: Decided {
    /// The events that it made, on their way into the log; `nil` for none.
    var batch: AcceptedBatch? { get }
}

extension CommandOutcomeKind {
    var offeredPosition: UInt64? { batch?.offeredPosition }
}

extension CommandReceipt {
    /// The answer to a command that came before, and made events.
    init(_ receipt: EmitReceipt) {
        self.init(.repeated, cursors: receipt.ids, position: receipt.position)
    }
}

extension CommandDetails {
    /// The run, when the command was for one.
    fileprivate var onlyRun: RunID? { runs.count == 1 ? runs.first?.runID : nil }
}

extension RunCommand {
    /// What the command asks for, so that its key with another command is noticed.
    fileprivate var canonicalText: String {
        var writer = JSONWriter()
        let value: JSONValue = if case .custom(_, let value) = action { value } else { .null }
        let texts = [run?.rawValue, asOf?.description, reason, by?.rawValue].map {
            $0.map { JSONValue.string($0) } ?? .null
        }
        writer.canonical(.array([.string("command"), .string(action.name), value] + texts))
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
