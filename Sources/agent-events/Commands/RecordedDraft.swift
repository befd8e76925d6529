internal import AgentEvents
internal import AgentEventsChecks

/// A recorded event, made into one that can be emitted: without what is given when an event is accepted.
struct RecordedDraft {
    private(set) var draft: NumberedDraft
    let thread: ThreadID
    /// When it happened; `nil` when the line does not say.
    let time: Timestamp?

    /// - Parameter thread: where to emit it; `nil` for its own thread.
    /// - Returns: `nil` for a line without an event: a blank one, or another message of a stream.
    /// - Throws: ``InputError`` when the line is neither.
    init?(_ line: LineReader.Line, thread: ThreadID?) throws(InputError) {
        let value: JSONValue
        do throws(WireError) {
            guard case .event(let event, _) = try RecordedLine(line.bytes) else { return nil }
            value = event
        } catch {
            throw InputError(message: "line \(line.number): \(error)")
        }
        guard case .object(var members) = value else {
            throw InputError(message: "line \(line.number): an event is a JSON object")
        }
        time = members["time"]?.stringValue.flatMap { Timestamp(rfc3339: $0) }
        if let thread {
            self.thread = thread
        } else {
            guard let named = members["thread_id"]?.stringValue else {
                throw InputError(message: "line \(line.number): the event names no thread; give one with --thread")
            }
            do throws(IdentifierError) {
                self.thread = try ThreadID(named)
            } catch {
                throw InputError(message: "line \(line.number): \(error.message)")
            }
        }
        for name in ["id", "seq", "from_seq", "time", "thread_id"] { members[name] = nil }
        if members["type"]?.stringValue == "approval_resolved", var data = members["data"]?.objectValue {
            // Whoever replays an answer gives it, and the service says so.
            data["by"] = nil
            members["data"] = .object(data)
        }
        draft = NumberedDraft(line: line.number, value: .object(members))
    }

    /// A request for approval expires as long after its new time as it did after the recorded one, so that the recorded
    /// answer is in time again.
    ///
    /// - Parameters:
    ///   - now: when it is emitted.
    ///   - speed: how many times faster than recorded the rest comes; 0 for without pauses.
    mutating func moveExpiry(to now: Timestamp, speed: Double) {
        guard case .object(var members) = draft.value, members["type"]?.stringValue == "approval_requested",
            case .object(var data)? = members["data"], let time,
            let expiresAt = data["expires_at"]?.stringValue.flatMap({ Timestamp(rfc3339: $0) })
        else { return }
        let wait = Double(expiresAt.milliseconds(since: time)) / (speed > 0 ? min(speed, 1) : 1)
        let moved = Timestamp(milliseconds: now.milliseconds + Int64(min(wait, 1e15)))
        guard Timestamp.writable.contains(moved) else { return }
        data["expires_at"] = .string(moved.rfc3339)
        members["data"] = .object(data)
        draft = NumberedDraft(line: draft.line, value: .object(members))
    }
}
