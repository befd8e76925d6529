public import AgentEvents

/// Starts an agent at the same local times again and again.
///
/// ```swift
/// let report = try Schedule(
///     "report", "0 9 * * MON-FRI", in: "Europe/Berlin", user: "u_1", thread: "t_7", agent: "guide", input: "Write the report.")
/// ```
///
/// Each occurrence starts a run at most once, also over crashes; the run begins with `agent_queued`, which names the schedule, and
/// waits for its turn with all others, after people four times out of five. What comes of an occurrence in a thread that is busy is
/// a matter of the policy. An occurrence that starts no run is told by an event `custom` of the thread, `schedule.skipped`. Only
/// one whose thread was deleted, or is somebody else's by then, is not: then the service's own log says so.
///
/// A local time that does not exist, because clocks are turned forward, counts as the first time after the gap; one that exists
/// twice as the first of the two, so that nothing happens during the second. What has to happen each hour, also then, is given in
/// the zone `UTC`.
public struct Schedule: Hashable, Sendable {
    /// The occurrences that are made up for when the service was down, or could not start them in time.
    @nonexhaustive
    public enum CatchUp: Hashable, Sendable {
        /// The last one.
        case latest
        /// None: one that is a minute late is skipped.
        case none
        /// The last ones, at most this many, in their order: from 1 to 24.
        case all(atMost: Int)
    }

    /// The most occurrences that are made up for.
    public static let maximumCatchUpCount = 24
    /// The longest id, in bytes.
    public static let maximumIDByteCount = 128
    /// The longest input, in bytes of JSON: 64 KiB.
    public static let maximumInputByteCount = 64 * 1024

    /// New among the schedules of its user.
    public let id: ScheduleID
    /// The times: five fields, as in a crontab. See ``init(_:_:in:user:thread:agent:input:policy:catchUp:)``.
    public var cron: String { expression.text }
    /// The name of the zone whose local times are meant, as in the IANA time zone database.
    public let zone: String
    /// The user that the thread belongs to, on whose behalf the agent runs.
    public let user: UserID
    /// The thread; opened by the first occurrence if it is not there.
    public let thread: ThreadID
    /// The agent; `nil` for the service's first one.
    public let agent: AgentName?
    /// What the agent is asked: text as a string, or any JSON.
    public let input: JSONValue?
    /// The policy for a thread that is busy; `nil` for that of the agent.
    public let policy: ConcurrencyPolicy?
    public let catchUp: CatchUp
    let expression: CronExpression

    /// - Parameters:
    ///   - id: at most ``maximumIDByteCount`` bytes.
    ///   - cron: minute 0-59, hour 0-23, day of the month 1-31, month 1-12 or JAN-DEC, day of the week 0-7 or SUN-SAT (0 and 7 are
    ///     Sunday): each `*`, or numbers and ranges with commas between them, with a step if wanted (`*/15`). When both days are
    ///     restricted, one that fits either counts. Or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    ///   - zone: `UTC`, or a name such as `Europe/Berlin`, for which the machine has to have zone data (`tzdata`); that is looked
    ///     at where the schedule is kept. Default: `UTC`.
    ///   - input: at most ``maximumInputByteCount`` bytes of JSON. Default: none.
    ///   - catchUp: Default: the last occurrence.
    /// - Throws: ``ScheduleError`` `schedule.invalid`, which says what would be right.
    public init(
        _ id: ScheduleID,
        _ cron: String,
        in zone: String = "UTC",
        user: UserID,
        thread: ThreadID,
        agent: AgentName? = nil,
        input: JSONValue? = nil,
        policy: ConcurrencyPolicy? = nil,
        catchUp: CatchUp = .latest
    ) throws(ScheduleError) {
        do throws(CronExpression.Fault) {
            expression = try CronExpression(cron)
        } catch {
            throw ScheduleError(.invalid, error.message)
        }
        guard id.rawValue.utf8.count <= Self.maximumIDByteCount else {
            throw ScheduleError(.invalid, "the id of a schedule has at most \(Self.maximumIDByteCount) bytes")
        }
        if case .all(let count) = catchUp, !(1...Self.maximumCatchUpCount).contains(count) {
            throw ScheduleError(
                .invalid, "from 1 to \(Self.maximumCatchUpCount) occurrences are made up for, and not \(count)")
        }
        if let input, input.encoded().count > Self.maximumInputByteCount {
            throw ScheduleError(
                .invalid, "the input of a schedule has at most \(Self.maximumInputByteCount) bytes of JSON")
        }
        self.id = id
        self.zone = zone
        self.user = user
        self.thread = thread
        self.agent = agent
        self.input = input
        self.policy = policy
        self.catchUp = catchUp
    }

    var key: ScheduleStateMachine.Key { ScheduleStateMachine.Key(user: user, id: id) }
}

/// A schedule, and what is to come of it.
public struct ScheduleStatus: Hashable, Sendable {
    public var schedule: Schedule
    /// The time of the next occurrence, or of one that is late; `nil` when there is none, or the zone is not known on this machine.
    public var next: Timestamp?
    /// The last occurrence that is done with: its run was accepted, or it was skipped. For a new schedule the time when it was made;
    /// `nil` when the zone is not known on this machine.
    public var doneUpTo: Timestamp?
    /// Whether the application gave it with the hub: then it is changed and removed there, and nowhere else.
    public var isGiven: Bool
}
