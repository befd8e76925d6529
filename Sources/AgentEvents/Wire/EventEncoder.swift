/// Writes events as they stand on the wire and in the log: compact JSON, the members in a fixed order.
///
/// It is strict: what ``EventDecoder`` would not read back as the same event is not written.
public enum EventEncoder {
    /// Encodes an event. Members in ``AgentEvent/unrecognized`` are left out.
    ///
    /// - Throws: ``WireError`` with the path to the member at fault: for a payload of an unknown type, a fraction outside
    ///   of 0 to 1, a negative duration or count, an empty custom name, a version or number below 1, a time that RFC 3339
    ///   cannot write, JSON nested so deep that it could not be read, for a run or an agent where there must be none, or
    ///   none where there must be one, and for a first sequence above the own, or of an event that is no fragment.
    public static func encode(_ event: AgentEvent) throws(WireError) -> [UInt8] {
        try encode(
            event.payload, id: event.id, thread: event.threadID, run: event.runID, agent: event.agent, time: event.time,
            fromSequence: event.fromSequence)
    }

    /// Encodes an event that is still in its parts; the same bytes.
    package static func encode(
        _ payload: EventPayload,
        id: EventID,
        thread: ThreadID,
        run: RunID?,
        agent: AgentName?,
        time: Timestamp,
        fromSequence: UInt64? = nil
    ) throws(WireError) -> [UInt8] {
        guard let type = payload.type else { throw unknownType(payload) }
        try check(type, id: id, run: run, agent: agent, time: time, fromSequence: fromSequence)
        var data = MemberWriter(capacity: 256 + payload.textByteCount) { writer in
            writer.raw(#"{"type":""#)
            writer.plain(type.rawValue)
            writer.raw(#"","id":""#)
            writer.integer(id.generation)
            writer.byte(ASCII.minus)
            writer.integer(id.sequence)
            writer.raw(#"","seq":"#)
            writer.integer(id.sequence)
            if let fromSequence {
                writer.raw(#","from_seq":"#)
                writer.integer(fromSequence)
            }
            writer.raw(#","thread_id":""#)
            writer.plain(thread.rawValue)
            if let run, let agent {
                writer.raw(#"","run_id":""#)
                writer.plain(run.rawValue)
                writer.raw(#"","agent":""#)
                writer.escaped(agent.rawValue)
            }
            writer.raw(#"","time":""#)
            time.write(into: &writer)
            writer.raw(#"","data":"#)
        }
        try payload.write(into: &data)
        return data.finish()
    }

    /// Encodes a draft: its members as they stand on the wire.
    ///
    /// - Throws: ``WireError`` for a payload that no event can have.
    static func encode(_ draft: EventDraft) throws(WireError) -> [UInt8] {
        guard let type = draft.payload.type else { throw unknownType(draft.payload) }
        var data = MemberWriter(capacity: 256 + draft.payload.textByteCount) { writer in
            writer.raw(#"{"type":""#)
            writer.plain(type.rawValue)
            if let run = draft.runID {
                writer.raw(#"","run_id":""#)
                writer.plain(run.rawValue)
            }
            if let agent = draft.agent {
                writer.raw(#"","agent":""#)
                writer.escaped(agent.rawValue)
            }
            writer.raw(#"","data":"#)
        }
        try draft.payload.write(into: &data)
        return data.finish()
    }

    /// Encodes an event as a client asks for it: without `id`, `seq`, `thread_id` and `time`. ``EventDecoder/decodeDraft(_:path:thread:)``
    /// reads it as the same draft.
    ///
    /// - Throws: ``WireError`` with the path to the member at fault, as for events.
    public static func encodeDraft(_ draft: EventDraft) throws(WireError) -> [UInt8] {
        let bytes = try encode(draft)
        guard draft.isDurationMeasured || draft.halves != nil else { return bytes }
        guard var object = try JSONValue(parsing: bytes).objectValue, var data = object["data"]?.objectValue else {
            preconditionFailure("a draft is an object with data")
        }
        if draft.isDurationMeasured { data["duration_ms"] = nil }
        if let halves = draft.halves, let text = data["text"]?.stringValue {
            data["text"] = .unpairedString(UnpairedString(text, with: halves))
        }
        object["data"] = .object(data)
        return JSONValue.object(object).encoded()
    }

    private static func unknownType(_ payload: EventPayload) -> WireError {
        WireError(.unknownType, path: "$.type", "an event of the unknown type \"\(payload.typeName)\" can only be read")
    }

    private static func check(
        _ type: EventType,
        id: EventID,
        run: RunID?,
        agent: AgentName?,
        time: Timestamp,
        fromSequence: UInt64?
    ) throws(WireError) {
        guard id.generation > 0, id.sequence > 0 else {
            throw WireError(.invalidValue, path: "$.id", "the generation and the number of an event start at 1")
        }
        try EnvelopeRule.check(type, sequence: id.sequence, fromSequence: fromSequence)
        guard Timestamp.writable.contains(time) else {
            throw WireError(.invalidValue, path: "$.time", "a time must lie in the years 0000 to 9999")
        }
        try EnvelopeRule.check(type, hasRun: run != nil, hasAgent: agent != nil)
    }
}
