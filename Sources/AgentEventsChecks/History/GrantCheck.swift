package import AgentEvents

/// Checks the answers that a grant has given in place of people ("always allow"), on the events of one thread in their order.
///
/// Such an answer names the entry of the shared state that the grant is. It counts when the newest change of that entry has
/// given the grant, the grant has not ended by then, and the call that was asked about is one that it allows. How a pattern is
/// compared is written a second time here: a check that asks what it checks would find nothing.
package struct GrantCheck: Sendable {
    /// The reason why a grant could not give an answer.
    package enum Problem: String, Hashable, Sendable, CaseIterable {
        /// Nobody has given it before.
        case neverGiven = "nobody had given it"
        /// It was taken back before.
        case revoked = "it was taken back"
        case expired = "its time was over"
        /// It is for the calls of another tool, or the question is about no call.
        case otherTool = "it is for another tool"
        /// It is for another run.
        case otherRun = "it is for another run"
        /// The arguments of the call do not fit its pattern.
        case otherArguments = "it is for other arguments"
        /// The answer is said to be by somebody who did not give it.
        case otherGiver = "somebody else had given it"
    }

    private struct Grant: Sendable {
        /// `nil` when it was removed.
        var value: JSONValue?
        var expiresAt: Timestamp?
    }

    private struct Call: Hashable {
        var run: RunID
        var call: CallID
    }

    private static let prefix = "grant/"

    private var grants: [String: Grant] = [:]
    private var calls: [Call: ToolExecuting] = [:]
    /// The open runs, and the runs that have started them.
    private var parents: [RunID: RunID?] = [:]
    /// Whether the first event of the thread was seen; `nil` before any.
    private var isWhole: Bool?

    package init() {}

    /// The thread's next event.
    package mutating func receive(_ event: AgentEvent) {
        if isWhole == nil { isWhole = event.sequence == 1 }
        if case .stateUpdated(let update) = event.payload, update.key.hasPrefix(Self.prefix) {
            var grant = Grant(value: nil, expiresAt: update.expiresAt)
            if case .value(let value) = update.change { grant.value = value }
            grants[update.key] = grant
        }
        guard let run = event.runID else { return }
        switch event.payload {
        case .agentStarted(let started): parents[run] = .some(started.parentRunID)
        case .toolExecuting(let executing): calls[Call(run: run, call: executing.callID)] = executing
        case .toolCompleted(let completed): calls[Call(run: run, call: completed.callID)] = nil
        case .agentCompleted, .agentFailed, .agentCancelled: parents[run] = nil
        case .agentQueued, .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolProgress,
            .approvalRequested, .approvalResolved, .usageReported, .agentPaused, .agentResumed, .userMessage,
            .stateUpdated, .custom, .unknown:
            return
        }
    }

    /// The entry that an answer names as the grant by which it was given; `nil` for the answer of a person.
    ///
    /// - Parameter request: the question. Nobody but a person fills in a form.
    package static func entry(named answer: ApprovalResolved, to request: ApprovalRequested) -> String? {
        guard answer.decision == .approved, request.schema == nil, let entry = answer.data?["grant"]?.stringValue,
            entry.hasPrefix(prefix)
        else { return nil }
        return entry
    }

    /// The reason why an answer cannot have been given by the grant that it names; `nil` for an answer that can, for one of a
    /// person, and where the grant may have been given before the first event that was seen.
    package func problem(
        of answer: ApprovalResolved,
        to request: ApprovalRequested,
        in run: RunID,
        at time: Timestamp
    ) -> Problem? {
        guard let entry = Self.entry(named: answer, to: request) else { return nil }
        guard let grant = grants[entry] else { return isWhole == true ? .neverGiven : nil }
        guard let value = grant.value else { return .revoked }
        guard let end = grant.expiresAt, time < end else { return .expired }
        guard let by = value["by"]?.stringValue, answer.by?.rawValue == by else { return .otherGiver }
        guard let call = request.callID.flatMap({ calls[Call(run: run, call: $0)] }),
            entry == Self.prefix + call.tool.rawValue
        else { return .otherTool }
        if let own = value["run_id"]?.stringValue {
            guard let root = root(of: run) else { return isWhole == true ? .otherRun : nil }
            guard root.rawValue == own else { return .otherRun }
        }
        if let pattern = value["arguments"], !Self.allows(pattern, call.arguments) { return .otherArguments }
        return nil
    }

    /// - Returns: `nil` when the start of a run on the way was not seen.
    private func root(of run: RunID) -> RunID? {
        var root = run
        while let parent = parents[root] {
            guard let parent else { return root }
            root = parent
        }
        return nil
    }

    private static func allows(_ pattern: JSONValue, _ value: JSONValue) -> Bool {
        if let text = pattern.stringValue { return value.stringValue.map { matches(text, $0) } ?? false }
        guard let members = pattern.objectValue else { return pattern == value }
        guard let object = value.objectValue else { return false }
        for (name, part) in members {
            guard let own = object[name], allows(part, own) else { return false }
        }
        return true
    }

    /// The parts between the stars are looked for one after another, the last one at the end.
    private static func matches(_ pattern: String, _ text: String) -> Bool {
        var parts = pattern.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map(Array.init)
        var rest = Array(text.utf8)[...]
        let first = parts.removeFirst()
        guard rest.starts(with: first) else { return false }
        rest = rest.dropFirst(first.count)
        guard let last = parts.popLast() else { return rest.isEmpty }
        for part in parts where !part.isEmpty {
            while !rest.starts(with: part) {
                guard rest.popFirst() != nil else { return false }
            }
            rest = rest.dropFirst(part.count)
        }
        return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
    }
}
