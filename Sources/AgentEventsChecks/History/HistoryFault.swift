package import AgentEvents

/// A fault in a history.
package struct HistoryFault: Hashable, Sendable, CustomStringConvertible {
    /// The code of a ``HistoryRule``, or of the order: `order.work_open`.
    package var rule: String
    /// The place of the record, as it was given with it; `nil` for a missing record.
    package var place: String?
    /// The client that saw it, or should have.
    package var client: String?
    package var thread: ThreadID?
    package var event: EventID?
    /// The fault, in one sentence.
    package var message: String

    package init(
        _ rule: HistoryRule,
        place: String? = nil,
        client: String? = nil,
        thread: ThreadID? = nil,
        event: EventID? = nil,
        _ message: String
    ) {
        self.rule = rule.rawValue
        self.place = place
        self.client = client
        self.thread = thread
        self.event = event
        self.message = message
    }

    init(_ fault: SequenceFault, place: String?) {
        rule = fault.rule
        self.place = place
        thread = fault.threadID
        event = fault.eventID
        message = fault.message
    }

    /// `clients.ndjson:7: seen.gap: client c_1, thread t_1, event 1-5: seq 5 where 4 was due`
    package var description: String {
        let subject = [
            client.map { "client \($0)" }, thread.map { "thread \($0)" }, event.map { "event \($0)" },
        ].compactMap(\.self).joined(separator: ", ")
        return [place, rule, subject.isEmpty ? nil : subject, message].compactMap(\.self).joined(separator: ": ")
    }
}

/// The rules that a history can break, by their codes.
package enum HistoryRule: String, CaseIterable, Sendable {
    /// A client saw no event where the next one of its thread was due (I2).
    case seenGap = "seen.gap"
    /// A client saw an event again, or after a later one (I2).
    case seenRepeated = "seen.repeated"
    /// A client saw other bytes than the log holds, or than another client saw (I8).
    case seenChanged = "seen.changed"
    /// A client saw an event that the log does not hold (I1).
    case seenUnlogged = "seen.unlogged"
    /// A client saw something that is not an event.
    case seenMalformed = "seen.malformed"
    /// A client saw an event of a thread that it did not subscribe to (I5).
    case foreignThread = "seen.foreign_thread"
    /// A client saw an event of a thread that belongs to another user (I5).
    case foreignUser = "seen.foreign_user"
    /// A client resumed at another place than after the last event it saw.
    case resumeMoved = "resume.moved"
    /// A client was let in after an event that is not the one of that number.
    case resumeDiverged = "resume.diverged"
    /// A client that was there to the end did not see an acknowledged event.
    case acknowledgedUnseen = "acknowledged.unseen"
    /// An acknowledged event is not in the log (I1).
    case acknowledgedUnlogged = "acknowledged.unlogged"
    /// The event in the log under an acknowledged id is not the one that was emitted.
    case acknowledgedChanged = "acknowledged.changed"
    /// The same id was given to two emissions.
    case acknowledgedRepeated = "acknowledged.repeated"
    /// An event is in the log more often than it was emitted.
    case loggedRepeated = "logged.repeated"
    /// Some events of an emission are in the log, and others are not.
    case loggedPartly = "logged.partly"
    /// An event is in the log that nobody emitted, or that was refused.
    case loggedUnattempted = "logged.unattempted"
    /// The end of a run counts fewer tokens than the run, and the runs below it, have reported.
    case usageLost = "usage.lost"
    /// A message that the service took has no run, and no run has taken it.
    case messageUnanswered = "message.unanswered"
    /// A queued run started before one that was queued earlier.
    case queueOvertaken = "queue.overtaken"
    /// Two runs that answer messages are open at once.
    case queueTwoOpen = "queue.two_open"
    /// A request for approval was resolved twice.
    case answerRepeated = "answer.repeated"
    /// A request was answered by somebody who may not.
    case answerForbidden = "answer.forbidden"
    /// A request was answered after its time, or has expired before it.
    case answerUntimely = "answer.untimely"
    /// The data of a yes does not fit what was asked for.
    case answerInvalid = "answer.invalid"
    /// A grant has answered a request in place of people, and did not allow what was asked for.
    case answerNotGranted = "answer.not_granted"
    /// A call has succeeded that nobody approved, though it was asked for.
    case callUnapproved = "call.unapproved"
    /// A client acknowledged an event that it had not seen.
    case ackUnseen = "ack.unseen"
    /// A client is said to have acknowledged what it did not (I10).
    case ackInvented = "ack.invented"
    /// A client is said to have acknowledged more than it was sent (I10).
    case ackUnsent = "ack.unsent"
}
