import AgentEvents
import AgentEventsProtocol

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
