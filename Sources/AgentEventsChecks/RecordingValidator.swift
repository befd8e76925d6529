package import AgentEvents

/// Checks a recording, or events before they are emitted, line by line: whether each can be read, and the order.
///
/// A recording of all that a WebSocket carried may have other messages between the events; they are skipped and
/// counted. At a `reset`, and at a `subscribed` that begins elsewhere, the thread is judged from there on.
package struct RecordingValidator: Sendable {
    private var sequence: EventSequenceCheck
    /// The number of events that could be read.
    package private(set) var eventCount = 0
    /// The number of them whose types this version does not know.
    package private(set) var unknownCount = 0

    /// The number of messages skipped because they are not events.
    package private(set) var messageCount = 0
    private var hasFaults = false

    /// - Parameter policy: how strictly the order of runs is checked.
    package init(policy: OrderPolicy = .standard) { sequence = EventSequenceCheck(policy: policy) }

    /// The number of threads with events.
    package var threadCount: Int { sequence.threadCount }
    /// The number of runs that were started.
    package var runCount: Int { sequence.runCount }

    /// Checks the next line.
    ///
    /// - Parameters:
    ///   - bytes: one JSON object; a blank line is skipped.
    ///   - line: the line's number, for the faults.
    /// - Returns: the faults of the line.
    package mutating func receive(_ bytes: [UInt8], line: Int) -> [SequenceFault] {
        let faults: [SequenceFault]
        do throws(WireError) {
            faults = try check(RecordedLine(bytes), line)
        } catch {
            faults = [SequenceFault(position: line, rule: error.code.description, message: error.message)]
        }
        if !faults.isEmpty { hasFaults = true }
        return faults
    }

    private mutating func check(_ recorded: RecordedLine, _ line: Int) throws(WireError) -> [SequenceFault] {
        switch recorded {
        case .blank:
            return []
        case .message(let message):
            messageCount += 1
            switch message {
            case .subscribed(let thread, let after): sequence.resume(thread, after: after)
            case .reset(let thread): sequence.forget(thread)
            case .other: break
            }
            return []
        case .event(let value, let bytes):
            return try check(value, bytes, line)
        }
    }

    private func isSet(_ member: JSONValue?) -> Bool { member.map { $0 != .null } ?? false }

    private mutating func check(
        _ value: JSONValue,
        _ bytes: [UInt8],
        _ line: Int
    ) throws(WireError) -> [SequenceFault] {
        // An accepted event has an id, a draft must not have one.
        if isSet(value["id"]) || isSet(value["seq"]) {
            let event = try EventDecoder.decode(bytes)
            eventCount += 1
            if case .unknown = event.payload { unknownCount += 1 }
            return sequence.receive(event, at: line)
        }
        let thread: ThreadID
        do throws(IdentifierError) {
            thread = try ThreadID(value["thread_id"]?.stringValue ?? "~")
        } catch {
            throw WireError(.invalidIdentifier, path: "$.thread_id", error.message)
        }
        let draft = try EventDecoder.decodeDraft(value, path: "$", thread: thread)
        eventCount += 1
        return sequence.receive(draft, in: thread, at: line)
    }

    /// - Returns: a fault for each run without an end, or one for the whole recording when it has no event: then
    ///   nothing was checked.
    package func finish() -> [SequenceFault] {
        guard eventCount == 0, !hasFaults else { return sequence.finish() }
        return [
            SequenceFault(position: 1, rule: "recording.empty", message: "there is no event: nothing was checked")
        ]
    }
}
