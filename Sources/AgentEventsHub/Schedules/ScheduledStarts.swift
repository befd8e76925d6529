import AgentEvents
import AgentEventsProtocol
import Logging

/// Starts the runs of occurrences, once each, whatever crashes, and tells of those that are skipped: once, or again after a crash
/// before it was stored that they were told.
///
/// The key of a start is that of the occurrence, for 24 hours; after that the id of its run, which comes from the occurrence too, and
/// which the thread takes once.
struct ScheduledStarts: Sendable {
    /// The time for which an agent that is not served is waited for: its worker may be on its way.
    private static let agentPatience: Int64 = 300_000

    let runtime: AgentRuntime
    let intake: MessageIntake
    let logger: Logger

    /// What asks for a run in the place of a person.
    struct Occurrence: Hashable, Sendable {
        var schedule: ScheduleID
        /// The id of its run.
        var run: RunID
    }

    /// - Parameter lateness: how late it is, or for how long this process could have started it, in milliseconds.
    func start(_ schedule: Schedule, _ occurrence: Timestamp, lateness: Int64) async -> ScheduleStateMachine.End {
        var request = StartRequest(agent: schedule.agent, input: schedule.input, policy: schedule.policy)
        request.occurrence = Occurrence(schedule: schedule.id, run: Self.run(schedule, occurrence))
        do throws(ProtocolError) {
            _ = try await intake.start(
                request, key: Self.key(schedule, occurrence), in: schedule.thread, from: Self.principal(schedule.user))
            return .done
        } catch {
            log("scheduled run not started", schedule, occurrence, error.code.rawValue)
            return await end(of: schedule, occurrence, after: error, lateness: lateness)
        }
    }

    private func end(
        of schedule: Schedule,
        _ occurrence: Timestamp,
        after error: ProtocolError,
        lateness: Int64
    ) async -> ScheduleStateMachine.End {
        let code = error.code
        if code == .keyConflict || code == .order(.alreadyStarted) || code == .order(.alreadyEnded) {
            // It was started before, also when the schedule said something else; or its key or its id was taken by somebody.
            do throws(EventLogError) {
                switch try await first(schedule, occurrence) {
                case .own: return .done
                case .nothing: return code == .keyConflict ? .refused(reason: code.rawValue) : .done
                case .anothers: return .refused(reason: code.rawValue)
                }
            } catch {
                log("run of an occurrence not read", schedule, occurrence, "\(error.code)")
                return .postponed(by: nil)
            }
        }
        switch code {
        case .threadDeleted:
            return .gone
        case .agentUnknown where lateness < Self.agentPatience:
            return .postponed(by: .seconds(5))
        case .threadBusy, .threadQueueFull:
            return .refused(reason: error.code.rawValue)
        default:
            guard error.isRetryable || error.code == .stopping else { return .refused(reason: error.code.rawValue) }
            return .postponed(by: error.retryAfterMilliseconds.map { .milliseconds($0) })
        }
    }

    /// What the log has under the id of the run of an occurrence.
    private enum First {
        case own
        /// Whoever may emit in the thread may name a run as they like.
        case anothers
        /// Nothing, or no longer.
        case nothing
    }

    private func first(_ schedule: Schedule, _ occurrence: Timestamp) async throws(EventLogError) -> First {
        let run = Self.run(schedule, occurrence)
        guard let found = try await RetriedRun.find(run, in: schedule.thread, runtime.log) else { return .nothing }
        guard found.hasFirst else { return .nothing }
        return found.schedule == schedule.id ? .own : .anothers
    }

    /// Whether the log has the run of an occurrence, or that it alone was skipped. Where it cannot say so, that is done again, and its
    /// key says that it was done.
    func isDone(_ schedule: Schedule, _ occurrence: Timestamp) async -> Bool {
        let run = Self.run(schedule, occurrence)
        var started = try? await runtime.log.startedRuns(among: [run], in: schedule.thread)
        if started?.isEmpty == false, case .anothers? = try? await first(schedule, occurrence) { started = nil }
        if started?.contains(run) ?? false { return true }
        let told = try? await runtime.log.recall(
            Self.key(schedule, skipped: occurrence, through: occurrence), in: schedule.thread)
        return told != nil
    }

    /// Logs an event `custom` in the thread.
    func tell(_ schedule: Schedule, _ skip: ScheduleStateMachine.Skip) async -> ScheduleStateMachine.End {
        let value: JSONValue = [
            "schedule_id": .string(schedule.id.rawValue), "reason": .string(skip.reason),
            "first": .string(skip.first.rfc3339), "last": .string(skip.last.rfc3339), "count": .integer(skip.count),
        ]
        let event = EventDraft(.custom(CustomEvent(name: "schedule.skipped", value: value)))
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: schedule.user, thread: schedule.thread)
            let receipt = try await context.emit(
                [event], key: Self.key(schedule, skipped: skip.first, through: skip.last))
            try await runtime.waitForCommit(of: receipt)
            return .done
        } catch {
            log("skipped occurrences not told", schedule, skip.last, "\(error.code)")
            switch error.code {
            case .keyConflict: return .done
            case .threadDeleted: return .gone
            default: return error.isRetryable ? .postponed(by: nil) : .refused(reason: "\(error.code)")
            }
        }
    }

    private func log(_ what: Logger.Message, _ schedule: Schedule, _ occurrence: Timestamp, _ code: String) {
        logger.info(
            what,
            metadata: [
                "schedule.id": "\(schedule.id)", "thread.id": "\(schedule.thread)",
                "schedule.occurrence": "\(occurrence.rfc3339)", "error.code": "\(code)",
            ])
    }

    // MARK: Names

    /// The user, as one who may open the thread. The credentials with which the schedule was made are gone: what the user has
    /// without them counts.
    static func principal(_ user: UserID) -> Principal {
        Principal(user: user, scopes: [.command, .open, .emit], actsAs: .listed([user]))
    }

    /// `schedule~<id>~<minute in UTC>`.
    static func key(_ schedule: Schedule, _ occurrence: Timestamp) -> IdempotencyKey {
        let minute = occurrence.rfc3339.prefix(16)
        return IdempotencyKey(text: IdentifierText(unchecked: "schedule~\(schedule.id)~\(minute)Z"))
    }

    private static func key(_ schedule: Schedule, skipped first: Timestamp, through last: Timestamp) -> IdempotencyKey {
        identifier("schedule~", place(schedule, last, "skipped since \(first.milliseconds / 60_000)"))
    }

    static func run(_ schedule: Schedule, _ occurrence: Timestamp) -> RunID {
        identifier("r_", place(schedule, occurrence, "run"))
    }

    private static func place(_ schedule: Schedule, _ occurrence: Timestamp, _ use: String) -> String {
        // An id has no space in it.
        "\(use) \(schedule.thread) \(schedule.user) \(schedule.id) \(occurrence.milliseconds / 60_000)"
    }

    private static func identifier<Kind: Identifier>(_ prefix: String, _ place: String) -> Kind {
        let digits = Hexadecimal.text(of: SHA256Hash.hash(Array(place.utf8)).prefix(16))
        return Kind(text: IdentifierText(unchecked: prefix + digits))
    }
}
