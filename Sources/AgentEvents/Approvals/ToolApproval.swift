/// The question that has to be answered with a yes before the body of a tool call begins.
///
/// ```swift
/// try await run.tool("deploy", arguments: build, approval: ToolApproval("Deploy \(build.number)?")) { call in … }
/// ```
///
/// With a no, or no answer in time, the body does not begin, the call is completed with the status `denied`, and
/// ``ApprovalRefused`` is thrown; with ``Denial/fail`` the run fails besides. The time that people take is not the call's.
public struct ToolApproval: Sendable {
    /// The consequence of a no, and of no answer in time.
    @nonexhaustive
    public enum Denial: Hashable, Sendable {
        /// The call is `denied`, and the agent's code decides: ``ApprovalRefused`` is thrown to it.
        case throwError
        /// The run fails with it, in the same commit, whatever the agent's code does: `agent_failed`, code `approval.denied` or
        /// `approval.expired`.
        case fail
    }

    /// The question, for people.
    public var prompt: String
    /// The form to fill in; `nil` for a yes or a no.
    public var schema: ApprovalSchema?
    /// The users who may answer, up to 64; empty for all who may approve in the thread, its user first.
    public var approvers: [UserID]
    /// Keeps the user who asked for the run from answering: it takes another one, of ``approvers`` or, where nobody is named,
    /// of those who may approve in the thread.
    public var isSeparate: Bool
    /// Allows the answer to replace the arguments of the call (``ToolCall/arguments``).
    public var isEditable: Bool
    /// The time for an answer; `nil` for as long as the run lasts.
    public var time: Duration?
    /// The consequence of a no, and of no answer in time.
    public var onDenied: Denial

    public init(
        _ prompt: String,
        schema: ApprovalSchema? = nil,
        approvers: [UserID] = [],
        isSeparate: Bool = false,
        isEditable: Bool = false,
        within time: Duration? = AgentRun.approvalTime,
        onDenied: Denial = .throwError
    ) {
        self.prompt = prompt
        self.schema = schema
        self.approvers = approvers
        self.isSeparate = isSeparate
        self.isEditable = isEditable
        self.time = time
        self.onDenied = onDenied
    }
}
