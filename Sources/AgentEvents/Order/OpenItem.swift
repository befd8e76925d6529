/// Something in a run that has begun and not ended.
enum OpenItem: Hashable, Sendable {
    case call(CallID, OpenCall)
    /// A message, and its text so far.
    case message(MessageID, text: String)
    /// A request for approval, and the call that waits for it.
    case approval(ApprovalID, call: CallID?)
    case child(RunID)
}

extension OpenItem: CustomStringConvertible {
    /// In words: `call c_1 (search_files)`.
    var description: String {
        switch self {
        case .call(let call, let state): "call \(call) (\(state.tool))"
        case .message(let message, text: _): "message \(message)"
        case .approval(let approval, call: let call?): "approval \(approval) (call \(call))"
        case .approval(let approval, call: nil): "approval \(approval)"
        case .child(let run): "child run \(run)"
        }
    }
}
