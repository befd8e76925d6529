// The open runs of a thread, for those who ask. Nothing here changes anything.

extension ThreadStateMachine {
    /// The open runs, queued ones among them, in the order of their first events.
    package var openRuns: [RunID] { runs.inOrder.map(\.machine.run) }

    /// The open runs that this process hosts, in the order of their first events: each parent before its children.
    package var openHostedRuns: [RunID] { runs.inOrder.filter { $0.host == .process }.map(\.machine.run) }

    /// The open runs without an open parent, in the order of their first events.
    package var openRootRuns: [RunID] {
        runs.inOrder.map(\.machine).filter { $0.parent.map { !isOpen($0) } ?? true }.map(\.run)
    }

    package func isOpen(_ run: RunID) -> Bool { runs.place(of: run) != nil }

    /// Whether a run is queued: it is open, and has not started.
    package func isQueued(_ run: RunID) -> Bool { runs.place(of: run).map { runs.state(at: $0) == .queued } ?? false }

    /// Says if an open run is hosted by a process with this log.
    func isHostedHere(_ run: RunID) -> Bool { runs.place(of: run).map { runs.host(at: $0) == .process } ?? false }

    /// Whether a run is paused.
    package func isPaused(_ run: RunID) -> Bool { runs.place(of: run).map { runs.state(at: $0) == .paused } ?? false }

    /// Whether a run keeps what it is given until it takes it: it has started, and a process hosts it.
    ///
    /// - Parameter host: its host, when it is not the one that is known here.
    func takesInput(_ run: RunID, host: RunHost? = nil) -> Bool {
        runs.place(of: run).map { place in
            (host ?? runs.host(at: place)) == .process && runs.state(at: place) != .queued
        } ?? false
    }

    /// The run at the top of the tree that a run is in.
    func root(of run: RunID) -> RunID {
        var root = run
        while let parent = parent(of: root), isOpen(parent) { root = parent }
        return root
    }

    /// The messages that a run was given and has not taken, and the numbers of their events.
    func inputs(of run: RunID) -> [OpenRuns.GivenInput] { runs.place(of: run).map { runs.inputs(at: $0) } ?? [] }

    /// Says if a run was given a message that it has not taken.
    func has(_ run: RunID, _ message: MessageID) -> Bool { inputs(of: run).contains { $0.message == message } }

    /// The messages that a run leaves when it ends now. What takes its place leaves none.
    func leftInput(of run: RunID?, endedBy payload: EventPayload) -> LeftInput? {
        if case .agentCancelled(let cancelled) = payload, cancelled.supersededBy != nil { return nil }
        guard let run, let agent = agent(of: run) else { return nil }
        let inputs = inputs(of: run)
        return inputs.isEmpty ? nil : LeftInput(agent: agent, messages: inputs.map(\.message))
    }

    /// When an open run started; `nil` when it is not open, and when it is queued.
    package func startTime(of run: RunID) -> Timestamp? {
        runs.place(of: run).flatMap { runs.startTime(at: $0) }
    }

    /// The agent of an open run; `nil` when it is not open.
    package func agent(of run: RunID) -> AgentName? { runs.place(of: run).flatMap { runs.agent(at: $0) } }

    /// The run that started an open one; `nil` for one that no other run started, and for one that is not open.
    func parent(of run: RunID) -> RunID? { runs.place(of: run).flatMap { runs.parent(at: $0) } }

    /// The text that the fragments of an open message add up to; `nil` when the message or the run is not open.
    package func openMessageText(_ message: MessageID, in run: RunID) -> String? {
        runs.place(of: run).flatMap { runs.message(message, at: $0)?.closedText }
    }

    /// Whether an open message waits with half of a character.
    var holdsHalf: Bool { runs.holdsHalf }

    /// When an open call started; `nil` when the call or the run is not open.
    package func openedTime(ofCall call: CallID, in run: RunID) -> Timestamp? {
        runs.place(of: run).flatMap { runs.call(call, at: $0)?.time }
    }

    /// The tool of an open call; `nil` when it is not open.
    func tool(ofCall call: CallID, in run: RunID) -> ToolName? {
        runs.place(of: run).flatMap { runs.call(call, at: $0)?.tool }
    }

    /// The tokens that the reports of an open run add up to; `nil` for none.
    package func reportedTokens(of run: RunID) -> TokenUsage? {
        runs.place(of: run).flatMap { runs.reportedTokens(at: $0) }
    }

    /// The tokens that children of an open run have used that have ended; `nil` for none.
    package func tokensOfChildren(of run: RunID) -> TokenUsage? {
        runs.place(of: run).flatMap { runs.tokensOfChildren(at: $0) }
    }
}

/// The messages that a run was given and has not taken when it ends: a run of their own answers them.
package struct LeftInput: Hashable, Sendable {
    var agent: AgentName
    var messages: [MessageID]

    /// The first event of that run.
    func draft(_ run: RunID) -> EventDraft {
        EventDraft(runID: run, agent: agent, .agentQueued(AgentQueued(messageIDs: messages)))
    }
}
