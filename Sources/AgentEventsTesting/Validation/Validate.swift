public import AgentEvents
import AgentEventsChecks

/// Checks events by the rules by which they are made: dense numbers (I2) and well-formed runs (I3).
///
/// ```swift
/// #expect(validate(events: sink.events) == [])
/// ```
///
/// - Parameters:
///   - events: of any number of threads.
///   - policy: how strictly the order of runs is checked.
/// - Returns: all that is wrong; the position of a fault is the index of its event.
public func validate(events: [AgentEvent], policy: OrderPolicy = .standard) -> [SequenceFault] {
    var check = EventSequenceCheck(policy: policy)
    var faults: [SequenceFault] = []
    for (index, event) in events.enumerated() { faults += check.receive(event, at: index) }
    return faults + check.finish()
}

/// Checks a recording: one JSON object a line, committed events or drafts, and other messages of a stream between them.
/// `agent-events validate` does the same.
///
/// - Parameters:
///   - recording: NDJSON in UTF-8.
///   - policy: how strictly the order of runs is checked.
/// - Returns: all that is wrong; the position of a fault is its line, from 1. A recording without an event is not right.
public func validate(recording: [UInt8], policy: OrderPolicy = .standard) -> [SequenceFault] {
    var validator = RecordingValidator(policy: policy)
    var faults: [SequenceFault] = []
    let text = ByteOrderMark.dropped(from: recording[...])
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
        let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        faults += validator.receive(Array(line), line: index + 1)
    }
    return faults + validator.finish()
}
