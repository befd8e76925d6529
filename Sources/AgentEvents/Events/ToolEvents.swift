/// A tool call starts. On the wire: `tool_executing`.
public struct ToolExecuting: Hashable, Sendable {
    /// Not open in its run. After its end the id may be used again, for another call.
    public var callID: CallID
    /// The tool that is called.
    public var tool: ToolName
    /// The arguments of the call.
    public var arguments: JSONValue
    /// The reason for the call, for people.
    public var purpose: String?

    public init(callID: CallID, tool: ToolName, arguments: JSONValue, purpose: String? = nil) {
        self.callID = callID
        self.tool = tool
        self.arguments = arguments
        self.purpose = purpose
    }
}

/// The progress of a tool call. On the wire: `tool_progress`.
public struct ToolProgress: Hashable, Sendable {
    /// An open call.
    public var callID: CallID
    /// The progress in words.
    public var message: String?
    /// The finished part of the call, from 0 to 1.
    public var fraction: Double?

    public init(callID: CallID, message: String? = nil, fraction: Double? = nil) {
        self.callID = callID
        self.message = message
        self.fraction = fraction
    }
}

/// A tool call ends. On the wire: `tool_completed`.
public struct ToolCompleted: Hashable, Sendable {
    /// An open call.
    public var callID: CallID
    /// The same tool as at its start.
    public var tool: ToolName
    /// The outcome.
    public var status: ToolStatus
    /// The result of the tool.
    public var result: JSONValue?
    /// The error of a call that did not succeed.
    public var error: ToolFailure?
    /// The duration of the call, in milliseconds; at least 0.
    public var durationMilliseconds: Int64

    public init(
        callID: CallID,
        tool: ToolName,
        status: ToolStatus,
        result: JSONValue? = nil,
        error: ToolFailure? = nil,
        durationMilliseconds: Int64
    ) {
        self.callID = callID
        self.tool = tool
        self.status = status
        self.result = result
        self.error = error
        self.durationMilliseconds = durationMilliseconds
    }
}

/// The outcome of a tool call, by the names on the wire.
@nonexhaustive
public enum ToolStatus: String, CaseIterable, Sendable {
    case succeeded
    case failed
    case timedOut = "timed_out"
    case cancelled
    case denied
}

/// The error of a tool call.
public struct ToolFailure: Hashable, Sendable {
    /// Dotted and stable, for programs: `file.unreadable`.
    public var code: String
    /// A description for people.
    public var message: String

    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}

extension ToolFailure {
    /// The run ended while the body of the call was under way. Nobody waits for it any longer; that does not mean that it
    /// has done nothing.
    public static let abandoned = ToolFailure(
        code: "tool.abandoned", message: "the run ended while the call was under way; it may have had effects")
    /// The run ended while the call waited for its approval: its body did not begin.
    public static let notStarted = ToolFailure(
        code: "tool.not_started", message: "the run ended while the call waited for its approval; it did not begin")
    /// The process that made the call is gone. The call may have had effects.
    public static let lost = ToolFailure(
        code: "tool.lost", message: "the program that made the call is gone; it may have had effects")
    /// The request for approval of the call was denied: its body did not begin.
    public static let approvalDenied = ToolFailure(
        code: "approval.denied", message: "the request for approval was denied; the call did not begin")
    /// The request for approval of the call expired: its body did not begin.
    public static let approvalExpired = ToolFailure(
        code: "approval.expired", message: "nobody approved the call in time; it did not begin")
}
