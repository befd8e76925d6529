import AgentEvents
import AgentEventsProtocol

extension StreamedRuns {
    /// The names of the questions that are open in a run and below it.
    func questions(of root: RunID) -> Set<String> {
        var names: Set<String> = []
        for run in tree(of: root) {
            for request in self[run]?.approvals ?? [] {
                names.insert(StreamNames.interrupt(request.approvalID, of: run))
            }
        }
        return names
    }

    /// The questions of runs as interrupts.
    ///
    /// - Parameter namesChildren: whether each says which child asks.
    func interrupts(of asking: [RunID], namesChildren: Bool) -> [JSONValue] {
        asking.flatMap { run -> [JSONValue] in
            guard let open = self[run] else { return [] }
            let subagent = namesChildren && open.parent != nil ? run : nil
            return open.approvals.map { request in
                AGUIInterrupt.json(request, of: run, call: open.callName(request.callID), subagent: subagent)
            }
        }
    }
}

/// A question of an agent as an interrupt of AG-UI.
enum AGUIInterrupt {
    /// - Parameters:
    ///   - call: the call that waits for the answer, as AG-UI names it.
    ///   - subagent: the child that asks.
    static func json(
        _ request: ApprovalRequested,
        of run: RunID,
        call: String?,
        subagent: RunID?
    ) -> JSONValue {
        let reason =
            switch request.kind {
            case .input: "input_required"
            case .approval: call == nil ? "confirmation" : "tool_call"
            }
        return .object(
            JSONObject(
                present: [
                    ("subagentRunId", subagent?.json),
                    ("id", .string(StreamNames.interrupt(request.approvalID, of: run))), ("reason", .string(reason)),
                    ("message", .string(request.prompt)), ("toolCallId", call.map { .string($0) }),
                    ("responseSchema", request.schema?.objectValue.map { .object($0) }),
                    ("expiresAt", request.expiresAt.map { .string($0.rfc3339) }),
                ]))
    }
}
