/// A command of a user about the runs of a thread.
public struct RunCommand: Hashable, Sendable {
    /// The kinds of command.
    @nonexhaustive
    public enum Action: Hashable, Sendable {
        /// Ends runs, queued ones too, with everything that is open in them.
        case stop
        /// Pauses runs, and all below them.
        case pause
        /// Resumes runs, and all below them.
        case resume
        /// A command of the application's own: it is logged as `custom`, and handed to the agent.
        case custom(CommandName, value: JSONValue)

        /// The name on the wire.
        public var name: String {
            switch self {
            case .stop: "stop"
            case .pause: "pause"
            case .resume: "resume"
            case .custom(let name, value: _): name.rawValue
            }
        }
    }

    /// The kind of command.
    public var action: Action
    /// The run that it is for; `nil` for the open runs without a parent that began at or before ``asOf`` (a custom command
    /// is for the newest of them that has started).
    public var run: RunID?
    /// The last event that the sender had seen; `nil` for whatever is open when the command arrives. A run that began later
    /// is left as it is, unless the command names it.
    public var asOf: Cursor?
    /// The reason, for people; it stands in the events.
    public var reason: String?
    /// The user who gives it.
    public var by: UserID?

    public init(_ action: Action, run: RunID? = nil, asOf: Cursor? = nil, reason: String? = nil, by: UserID? = nil) {
        self.action = action
        self.run = run
        self.asOf = asOf
        self.reason = reason
        self.by = by
    }
}

/// The name of an application's own command; it has a dot in it: `editor.undo`.
public struct CommandName: Identifier {
    public static var kind: String { "command name" }
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}

/// The answer to a command.
public struct CommandReceipt: Hashable, Sendable {
    /// The outcomes, by their names on the wire.
    @nonexhaustive
    public enum Outcome: String, CaseIterable, Sendable {
        /// Its events are in the log.
        case done
        /// Everything was so already; nothing was logged.
        case unchanged
        /// An earlier command with the same key had this answer; nothing was logged again.
        case repeated
    }

    public var outcome: Outcome
    /// The events that it made, in their order; those that closed what was open in a stopped run are not among them.
    public var cursors: [Cursor]
    /// The run that it was for, when it was one.
    public var run: RunID?
    /// The state that it met; `nil` for a repeated command whose first answer is not kept.
    public var details: CommandDetails?
    /// The position that ``AgentRuntime/waitForCommit(of:)`` waits for: what the answer tells is committed by then.
    package var position: UInt64

    package init(
        _ outcome: Outcome,
        cursors: [Cursor] = [],
        run: RunID? = nil,
        details: CommandDetails? = nil,
        position: UInt64 = 0
    ) {
        self.outcome = outcome
        self.cursors = cursors
        self.run = run
        self.details = details
        self.position = position
    }
}
