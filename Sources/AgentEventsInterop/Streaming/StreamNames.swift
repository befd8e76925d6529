import AgentEvents

/// The ids that other protocols want, which are unique in a thread, for those of this package, which are so in a run. They come from the log alone:
/// every stream of a thread has the same ones.
enum StreamNames {
    static func message(_ message: MessageID, of run: RunID) -> String { "\(run)/\(message)" }

    static func thought(_ thought: ThoughtID, of run: RunID) -> String { "\(run)/\(thought)" }

    /// - Parameter number: how often the run has used the id of the call, from 1: after its end an id may be used again.
    static func call(_ call: CallID, number: Int, of run: RunID) -> String {
        number == 1 ? "\(run)/\(call)" : "\(run)/\(call)/\(number)"
    }

    /// The message that holds the result of a call.
    static func result(ofCall call: String) -> String { "\(call)/result" }

    static func interrupt(_ approval: ApprovalID, of run: RunID) -> String { "\(run)/\(approval)" }

    static func step(_ agent: AgentName?, of run: RunID) -> String { "\(agent?.rawValue ?? "agent") \(run)" }
}
