// The gate at which the tasks of a run wait while it is paused.

extension ExecutionContext {
    /// Has something accepted that a run does not do while it is paused: then it waits, and is decided again once the run is
    /// not paused any longer. So code that knows nothing of pauses can be paused, and nothing of it is lost.
    ///
    /// Nothing is asked of an event that is accepted: that the run is paused is what its refusal says.
    ///
    /// - Parameters:
    ///   - run: the one that has to be running: the run itself, or the parent of a child that starts.
    ///   - decide: called again after each wait.
    /// - Throws: ``AgentEventsError``: `order.already_ended` when the run has ended meanwhile; `order.paused` when the task is
    ///   cancelled and the run still paused.
    func passingGate<Value>(
        of run: RunID,
        _ decide: () async throws(AgentEventsError) -> Value
    ) async throws(AgentEventsError) -> Value {
        while true {
            do throws(AgentEventsError) {
                return try await decide()
            } catch {
                guard error.isWaitedFor, !Task.isCancelled else { throw error }
                await waitWhilePaused(run)
                await waitForSlot(of: run)
            }
        }
    }

    /// Returns when the tree of a run that has rested has a place to work again, in which others may work meanwhile; or when
    /// the task is cancelled. The time until then does not count as the run's.
    func waitForSlot(of run: RunID) async {
        let root = path.machine.root(of: run)
        var now = services.environment.wallClock.now()
        slotWaits.begin(root, at: now, rested: path.machine.rests.milliseconds(of: root, at: now))
        await services.slotGate.wait(owner, root)
        now = services.environment.wallClock.now()
        slotWaits.end(root, at: now, rested: path.machine.rests.milliseconds(of: root, at: now))
    }

    /// A run that was taken up waits for the answer to a question of an earlier process: others may have its place, and its
    /// time does not count, unless a part of it works.
    func waitAgain(for asked: ApprovalPlace) {
        guard path.machine.isOpen(asked) else { return }
        path.waitAgain(asked.run, at: services.environment.wallClock.now())
        services.slotGate.noteRest(owner)
    }

    /// The number of tasks that wait until their run has a place to work.
    package var tasksWaitingForSlot: Int { slotWaits.taskCount }

    /// Returns when a run is not paused, or the task is cancelled.
    private func waitWhilePaused(_ run: RunID) async {
        guard path.machine.isPaused(run) else { return }
        // Nothing comes in between the look and the arrival.
        let (gate, place) = path.arrive(at: run)
        await gate.wait(place)
    }

    /// Emits an event of a run, once the run is not paused.
    func emitPassingGate(_ draft: EventDraft, of run: RunID) async throws(AgentEventsError) -> EventID {
        // Nearly always it passes; then nothing else is between it and its acceptance.
        do throws(AgentEventsError) {
            return try await emitWaiting(draft)
        } catch {
            guard error.isWaitedFor else { throw error }
        }
        return try await passingGate(of: run) { () async throws(AgentEventsError) in
            try await emitWaiting(draft)
        }
    }

    /// The same as ``emit(_:)``, for a sender that waits while its run is paused (``Emission/waits``). Not one function with the other: each
    /// event would pay for the call in between.
    private func emitWaiting(_ draft: EventDraft) async throws(AgentEventsError) -> EventID {
        guard !services.isContended, !draft.payload.isStateUpdate, let accepted = try path.accept(draft, waits: true)
        else {
            return try await emitSettled(draft, waits: true)
        }
        if accepted.hasHeldHalves { keepForHalves() }
        if accepted.isFull { await services.commit.waitForCapacity() }
        return accepted.lastID
    }

    /// The same, when a run has to be looked up first, or others write too.
    func emitSettled(_ draft: EventDraft, waits: Bool) async throws(AgentEventsError) -> EventID {
        let settled = try await settled { () async throws(AgentEventsError) in
            try await acceptBatch([draft], Emission(waits: waits))
        }
        if settled.accepted.isFull { await services.commit.waitForCapacity() }
        return settled.accepted.lastID
    }

    /// Returns when something may be done in a run: the body of a call may begin, what was approved may be acted upon.
    ///
    /// - Parameter payload: the event that tells of it.
    /// - Throws: ``AgentEventsError`` as ``passingGate(of:_:)``.
    func waitToBegin(_ payload: EventPayload, in run: RunID) async throws(AgentEventsError) {
        try await passingGate(of: run) { () throws(AgentEventsError) in
            try path.checkAttempt(of: run, at: payload)
            guard let refusal = path.machine.refusalOfWork(payload, in: run) else { return }
            throw AgentEventsError(refusal)
        }
    }
}

extension ThreadStateMachine {
    /// Why nothing can be done in a run now; `nil` when something can.
    ///
    /// - Parameter payload: the event that tells of it.
    func refusalOfWork(_ payload: EventPayload, in run: RunID) -> OrderViolation? {
        guard let machine = runs.machine(run) else { return RunStateMachine.violationOfEndedRun(run, payload) }
        guard machine.state == .paused else { return nil }
        return machine.violation(payload, .paused, "the run is paused, nothing begins in it until it is resumed")
    }
}

extension AgentEventsError {
    /// Whether something is refused that is accepted once its run is resumed. A second pause is not among it.
    var isWaitedFor: Bool {
        guard let violation else { return false }
        return violation.rule == .paused && violation.eventType != EventType.agentPaused.rawValue
    }
}
