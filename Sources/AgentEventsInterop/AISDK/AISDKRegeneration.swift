import AgentEvents
import AgentEventsProtocol

/// Decides which run a client means that wants another answer.
enum AISDKRegeneration {
    enum Decision: Hashable, Sendable {
        /// The run is done again, if the log has it.
        case redo(RunID)
        /// The last run is under way: it may be the one that this request has started, whose answer was lost.
        case replay(RunID)
        case refuse(ProtocolError)
    }

    /// - Parameters:
    ///   - message: the answer that the client names; `nil` for the last one.
    ///   - state: the state of the thread, which knows the newest runs.
    static func decide(_ message: String?, in state: ThreadState) -> Decision {
        guard let message else {
            guard let last = state.runs.last(where: { $0.parentRunID == nil }) else {
                return .refuse(ProtocolError(.runUnknown, "there is no answer here that could be given again"))
            }
            return state.openRuns.contains { $0.runID == last.runID } ? .replay(last.runID) : .redo(last.runID)
        }
        // A message that was given to a run has an answer of its own, which begins in the middle of the run.
        if let run = state.runs.last(where: { message.hasPrefix("\($0.runID)/") }) { return .redo(run.runID) }
        do throws(IdentifierError) {
            return .redo(try RunID(message))
        } catch {
            return .refuse(ProtocolError(.runUnknown, "there is no answer \(message) here that could be given again"))
        }
    }
}
