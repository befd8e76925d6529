/// A run is accepted and waits for its turn; its first event, when it cannot start at once. Until `agent_started` comes it
/// has done nothing. On the wire: `agent_queued`.
public struct AgentQueued: Hashable, Sendable {
    /// The request to the agent.
    public var input: JSONValue?
    /// The messages of the thread that the run is to answer, up to 256; empty for none.
    public var messageIDs: [MessageID]
    /// The user who asked for the run.
    public var by: UserID?
    /// The run does not start earlier.
    public var notBefore: Timestamp?
    /// A run that has not started by then ends as `agent_failed`, code `run.not_started_in_time`.
    public var startBy: Timestamp?
    /// The schedule that asked for the run.
    public var scheduleID: ScheduleID?
    /// The number of the attempt that waits, from 1; `nil` for the first one.
    public var attempt: Int?
    /// The run that did not end well, or whose answer did not please, and that this one does again.
    public var retryOf: RunID?

    public init(
        input: JSONValue? = nil,
        messageIDs: [MessageID] = [],
        by: UserID? = nil,
        notBefore: Timestamp? = nil,
        startBy: Timestamp? = nil,
        scheduleID: ScheduleID? = nil,
        attempt: Int? = nil,
        retryOf: RunID? = nil
    ) {
        self.input = input
        self.messageIDs = messageIDs
        self.by = by
        self.notBefore = notBefore
        self.startBy = startBy
        self.scheduleID = scheduleID
        self.attempt = attempt
        self.retryOf = retryOf
    }
}

/// The bounds of the lists of ids in events.
package enum MessageList {
    /// The most messages in one event.
    package static let maximumCount = 256
}

/// The run starts; its first event, unless it was queued. On the wire: `agent_started`.
public struct AgentStarted: Hashable, Sendable {
    /// The request to the agent.
    public var input: JSONValue?
    /// The run that started this one, when it is a child.
    public var parentRunID: RunID?
    /// The open call of the parent that started this run.
    public var parentCallID: CallID?
    /// The longest time without an event of a run that is emitted from outside, in milliseconds, from 1000 (a second) to
    /// 86 400 000 (a day): after it the run ends as `agent_failed`, code `run.lost`. `nil` for
    /// ``RuntimeConfiguration/emittedRunTimeout``. It also counts for the children of this run. For a run with a
    /// parent, and for one that is hosted in the process of its runtime, it has no effect.
    public var idleTimeoutMilliseconds: Int64?
    /// The messages of the thread that the run answers, up to 256; empty when that is not said.
    public var messageIDs: [MessageID]
    /// The number of the attempt, from 1; `nil` for the first one.
    public var attempt: Int?
    /// The run that did not end well, or whose answer did not please, and that this one does again.
    public var retryOf: RunID?
    /// The place in a trace from which the run was asked for; see ``TraceContext``.
    public var trace: TraceContext?

    public init(
        input: JSONValue? = nil,
        parentRunID: RunID? = nil,
        parentCallID: CallID? = nil,
        idleTimeoutMilliseconds: Int64? = nil,
        messageIDs: [MessageID] = [],
        attempt: Int? = nil,
        retryOf: RunID? = nil,
        trace: TraceContext? = nil
    ) {
        self.input = input
        self.parentRunID = parentRunID
        self.parentCallID = parentCallID
        self.idleTimeoutMilliseconds = idleTimeoutMilliseconds
        self.messageIDs = messageIDs
        self.attempt = attempt
        self.retryOf = retryOf
        self.trace = trace
    }

    /// The shortest and the longest time that a run can ask for.
    package static let idleTimeoutMilliseconds: ClosedRange<Int64> = 1000...86_400_000
}

/// A run that is under way takes messages of users as input. On the wire: `input_taken`.
public struct InputTaken: Hashable, Sendable {
    /// The messages, at least one and up to 256, in the order in which they are taken.
    public var messageIDs: [MessageID]

    public init(messageIDs: [MessageID]) { self.messageIDs = messageIDs }
}

/// A fragment of a thought. On the wire: `agent_thinking`.
public struct AgentThinking: Hashable, Sendable {
    /// Fragments of one thought share it.
    public var thoughtID: ThoughtID
    /// The fragment.
    public var text: String

    public init(thoughtID: ThoughtID, text: String) {
        self.thoughtID = thoughtID
        self.text = text
    }
}

/// The progress of the run. On the wire: `agent_progress`.
public struct AgentProgress: Hashable, Sendable {
    /// The progress in words.
    public var message: String?
    /// The finished part of the run, from 0 to 1.
    public var fraction: Double?
    /// The current step; at least 0.
    public var step: Int?
    /// The number of steps.
    public var total: Int?

    public init(message: String? = nil, fraction: Double? = nil, step: Int? = nil, total: Int? = nil) {
        self.message = message
        self.fraction = fraction
        self.step = step
        self.total = total
    }
}

/// The reasons that the runtime gives when a process is gone, or about to go, and another one takes its runs up.
package enum RestartReason {
    /// Of `agent_paused`: nobody works for the run until it is taken up.
    package static let processLost = "process_lost"
    /// Of `agent_resumed`: the run is taken up.
    package static let restarted = "restarted"
}

/// The run is paused. On the wire: `agent_paused`.
public struct AgentPaused: Hashable, Sendable {
    /// The user who paused it.
    public var by: UserID?
    /// The reason.
    public var reason: String?
    /// Tells that the process stopped in order and let go of the run, which the next one takes up: nothing was lost.
    public var isHandedOver: Bool

    public init(by: UserID? = nil, reason: String? = nil, isHandedOver: Bool = false) {
        self.by = by
        self.reason = reason
        self.isHandedOver = isHandedOver
    }

    /// The pause by which a process that stops lets go of a run.
    static let handedOver = AgentPaused(reason: RestartReason.processLost, isHandedOver: true)

    /// Tells a pause because the process is gone from one by a person, which has another reason or a name.
    var isLoss: Bool { by == nil && reason == RestartReason.processLost }
}

/// The run continues. On the wire: `agent_resumed`.
public struct AgentResumed: Hashable, Sendable {
    /// The user who resumed it.
    public var by: UserID?
    /// The reason.
    public var reason: String?

    public init(by: UserID? = nil, reason: String? = nil) {
        self.by = by
        self.reason = reason
    }
}

/// The run ends well. On the wire: `agent_completed`.
public struct AgentCompleted: Hashable, Sendable {
    /// The result of the agent.
    public var result: JSONValue?
    /// The tokens used.
    public var usage: TokenUsage?
    /// The duration of the run, in milliseconds; at least 0.
    public var durationMilliseconds: Int64

    public init(result: JSONValue? = nil, usage: TokenUsage? = nil, durationMilliseconds: Int64) {
        self.result = result
        self.usage = usage
        self.durationMilliseconds = durationMilliseconds
    }
}

/// The tokens that a run used. Counts beyond the two named ones are kept by their names on the wire.
public struct TokenUsage: Hashable, Sendable {
    /// Tokens read by the model; at least 0. On the wire: `input_tokens`.
    public var inputTokens: Int64?
    /// Tokens written by the model; at least 0. On the wire: `output_tokens`.
    public var outputTokens: Int64?
    /// Further members, as they are (`cached_tokens`, `cost`, …).
    public var other: JSONObject

    public init(inputTokens: Int64? = nil, outputTokens: Int64? = nil, other: JSONObject = [:]) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.other = other
    }
}

/// The run ends with an error. On the wire: `agent_failed`.
public struct AgentFailed: Hashable, Sendable {
    /// The error that ended the run.
    public var error: RunFailure
    /// The tokens used.
    public var usage: TokenUsage?
    /// The duration of the run, in milliseconds; at least 0.
    public var durationMilliseconds: Int64

    public init(error: RunFailure, usage: TokenUsage? = nil, durationMilliseconds: Int64) {
        self.error = error
        self.usage = usage
        self.durationMilliseconds = durationMilliseconds
    }
}

/// The error of a run.
public struct RunFailure: Hashable, Sendable {
    /// Dotted and stable, for programs: `run.lost`.
    public var code: String
    /// A description for people.
    public var message: String
    /// Whether running the agent again may help.
    public var retryable: Bool
    /// More about it, for programs; `nil` for nothing. That of `run.lost` has `attempts` when no further attempt is made.
    public var details: JSONObject?

    public init(code: String, message: String, retryable: Bool, details: JSONObject? = nil) {
        self.code = code
        self.message = message
        self.retryable = retryable
        self.details = details
    }
}

extension RunFailure {
    private static let lostCode = "run.lost"

    /// The process that hosted the run ended before the run did.
    package static let lostWithProcess = RunFailure(
        code: lostCode, message: "the process that ran the agent ended before the run did", retryable: true)

    /// The process that hosted the run ended before the run did, and this was its last attempt.
    ///
    /// - Parameter attempts: the number of attempts that were made.
    package static func lostWithProcess(afterAttempts attempts: Int) -> RunFailure {
        RunFailure(
            code: lostCode,
            message: "the process that ran the agent ended before the run did, in attempt \(attempts), the last one",
            retryable: false, details: ["attempts": .integer(Int64(attempts))])
    }

    /// The worker that worked for the run was lost before the run ended.
    private static let lostWithWorker = RunFailure(
        code: lostCode, message: "the worker that ran the agent was lost before the run ended", retryable: true)

    /// - Parameter attempts: the number of attempts that were made, when this was the last one.
    static func lost(with host: LostHost, afterAttempts attempts: Int?) -> RunFailure {
        switch host {
        case .process:
            return attempts.map { lostWithProcess(afterAttempts: $0) } ?? lostWithProcess
        case .worker:
            guard let attempts else { return lostWithWorker }
            return RunFailure(
                code: lostCode,
                message:
                    "the worker that ran the agent was lost before the run ended, in attempt \(attempts), the last one",
                retryable: false, details: ["attempts": .integer(Int64(attempts))])
        }
    }

    /// The run had not started by the time that it was queued for.
    package static let notStartedInTime = RunFailure(
        code: "run.not_started_in_time", message: "the run was queued, and did not start by the time it was asked for",
        retryable: true)

    /// The run was open for as long as a run may be.
    package static let tooOld = RunFailure(
        code: "run.too_old", message: "the run was open for longer than a run may be", retryable: false)

    /// Marks the failure of a run whose process or program is gone.
    var isLost: Bool { code == Self.lostCode }

    /// Nothing came for a run that is hosted outside for as long as it may be idle.
    package static func lost(after milliseconds: Int64) -> RunFailure {
        RunFailure(code: lostCode, message: silence(of: milliseconds), retryable: true)
    }

    /// In words: nothing came for a run that is hosted outside for as long as it may be idle.
    static func silence(of milliseconds: Int64) -> String {
        let rest = milliseconds % 1000
        let fraction = rest == 0 ? "" : "." + String(1000 + rest).dropFirst()
        return "nothing came from the program that emits the run for \(milliseconds / 1000)\(fraction) s"
    }
}

/// The run is cancelled. On the wire: `agent_cancelled`.
public struct AgentCancelled: Hashable, Sendable {
    /// The reason.
    public var reason: String?
    /// The user who cancelled it.
    public var by: UserID?
    /// The run that takes its place.
    public var supersededBy: RunID?
    /// Tells readers to leave the run out, with everything in it.
    public var isDiscarded: Bool
    /// The tokens used.
    public var usage: TokenUsage?
    /// The duration of the run, in milliseconds; at least 0.
    public var durationMilliseconds: Int64

    public init(
        reason: String? = nil,
        by: UserID? = nil,
        supersededBy: RunID? = nil,
        isDiscarded: Bool = false,
        usage: TokenUsage? = nil,
        durationMilliseconds: Int64
    ) {
        self.reason = reason
        self.by = by
        self.supersededBy = supersededBy
        self.isDiscarded = isDiscarded
        self.usage = usage
        self.durationMilliseconds = durationMilliseconds
    }
}
