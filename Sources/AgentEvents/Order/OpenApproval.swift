/// A request for approval that is not answered.
struct OpenApproval: Hashable, Sendable {
    /// The call that waits for it.
    var call: CallID?
    /// When it expires; `nil` for never.
    var expiresAt: Timestamp?
    /// The conditions for an answer, where the request has any; `nil` for a yes or a no of the thread's user.
    var terms: ApprovalTerms?
}
