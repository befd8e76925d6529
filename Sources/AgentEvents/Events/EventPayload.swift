/// The data of an event: one case for each type of the catalogue. Cases of large types that are not frequent are indirect,
/// so that a payload, which is moved several times on its way into the log, stays as small as those that are.
@nonexhaustive
public enum EventPayload: Hashable, Sendable {
    indirect case agentQueued(AgentQueued)
    indirect case agentStarted(AgentStarted)
    case inputTaken(InputTaken)
    case agentThinking(AgentThinking)
    case agentProgress(AgentProgress)
    case messageDelta(MessageDelta)
    case messageCompleted(MessageCompleted)
    case toolExecuting(ToolExecuting)
    case toolProgress(ToolProgress)
    case toolCompleted(ToolCompleted)
    indirect case approvalRequested(ApprovalRequested)
    case approvalResolved(ApprovalResolved)
    case usageReported(UsageReported)
    case agentPaused(AgentPaused)
    case agentResumed(AgentResumed)
    case agentCompleted(AgentCompleted)
    indirect case agentFailed(AgentFailed)
    indirect case agentCancelled(AgentCancelled)
    indirect case userMessage(UserMessage)
    case stateUpdated(StateUpdated)
    case custom(CustomEvent)
    /// A type that this version does not know, with its bytes. It can be read, but not emitted.
    case unknown(UnknownEvent)

    /// The type, or `nil` when it is not in this version's catalogue.
    public var type: EventType? {
        switch self {
        case .agentQueued: .agentQueued
        case .agentStarted: .agentStarted
        case .inputTaken: .inputTaken
        case .agentThinking: .agentThinking
        case .agentProgress: .agentProgress
        case .messageDelta: .messageDelta
        case .messageCompleted: .messageCompleted
        case .toolExecuting: .toolExecuting
        case .toolProgress: .toolProgress
        case .toolCompleted: .toolCompleted
        case .approvalRequested: .approvalRequested
        case .approvalResolved: .approvalResolved
        case .usageReported: .usageReported
        case .agentPaused: .agentPaused
        case .agentResumed: .agentResumed
        case .agentCompleted: .agentCompleted
        case .agentFailed: .agentFailed
        case .agentCancelled: .agentCancelled
        case .userMessage: .userMessage
        case .stateUpdated: .stateUpdated
        case .custom: .custom
        case .unknown: nil
        }
    }

    /// The type's name on the wire.
    public var typeName: String {
        if case .unknown(let event) = self { return event.typeName }
        guard let type else { preconditionFailure("a payload of the catalogue has a type") }
        return type.rawValue
    }
}

/// An event whose type this version does not know.
public struct UnknownEvent: Hashable, Sendable {
    /// The type's name on the wire.
    public var typeName: String
    /// The whole event as it came, byte for byte.
    public var bytes: [UInt8]

    public init(typeName: String, bytes: [UInt8]) {
        self.typeName = typeName
        self.bytes = bytes
    }
}

/// An event of the application's own. Belongs to a run, or to the thread. On the wire: `custom`.
public struct CustomEvent: Hashable, Sendable {
    /// The application's name for it; not empty.
    public var name: String
    /// The data of the event: any JSON.
    public var value: JSONValue
    /// The user who gave it as a command to the run; `nil` for an event that is no command.
    public var by: UserID?

    public init(name: String, value: JSONValue, by: UserID? = nil) {
        self.name = name
        self.value = value
        self.by = by
    }
}
