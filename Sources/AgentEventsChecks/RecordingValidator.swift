package import AgentEvents

/// Checks a recording, or events that are to be emitted, line by line: that each can be read, and the order.
///
/// A recording of all that a WebSocket carried may have other messages between the events; they are skipped and counted.
/// At a `reset`, and at a `subscribed` that begins elsewhere, the thread is judged from there on.
package struct RecordingValidator: Sendable {
    private var sequence: EventSequenceCheck
    /// How many events could be read.
    package private(set) var eventCount = 0
    /// How many of them are of types that this version does not know.
    package private(set) var unknownCount = 0

    /// How many messages that are no events were skipped.
    package private(set) var messageCount = 0
    private var hasFaults = false

    /// - Parameter policy: how strictly the order of runs is checked.
    package init(policy: OrderPolicy = .standard) { sequence = EventSequenceCheck(policy: policy) }

    /// In how many threads there were events.
    package var threadCount: Int { sequence.threadCount }
    /// How many runs were started.
    package var runCount: Int { sequence.runCount }

    /// The next line.
    ///
    /// - Parameters:
    ///   - bytes: one JSON object; a blank line is skipped.
    ///   - line: the line's number, for the faults.
    /// - Returns: what is wrong with it.
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
        // What has been accepted has an id; what has not must not have one.
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

    /// - Returns: what is missing at the end: the runs that have none, or all of it: a recording without an event was
    ///   not checked.
    package func finish() -> [SequenceFault] {
        guard eventCount == 0, !hasFaults else { return sequence.finish() }
        return [
            SequenceFault(position: 1, rule: "recording.empty", message: "there is no event: nothing was checked")
        ]
    }
}
