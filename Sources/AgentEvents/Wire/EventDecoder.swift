/// Reads events as they stand on the wire and in the log, and the drafts that clients send.
public enum EventDecoder {
    /// The members of the envelope, in the order of the wire.
    static var envelopeMembers: [String] {
        ["type", "id", "seq", "from_seq", "thread_id", "run_id", "agent", "time", "data"]
    }

    /// The members that a draft's envelope may have.
    static var draftMembers: [String] { ["type", "thread_id", "run_id", "agent", "data"] }

    /// Reads one event.
    ///
    /// Tolerant of what a later version may add: unknown members are kept apart in ``AgentEvent/unrecognized``, an event
    /// of an unknown type becomes ``EventPayload/unknown(_:)`` with its bytes. It is tolerant of how other programs write
    /// JSON, too: `null` for an optional member of a type is its absence, `12.0` is a whole number, and half of a surrogate
    /// pair in a text is U+FFFD. All else is checked.
    ///
    /// - Throws: ``WireError`` with the path to the fault.
    public static func decode(_ bytes: [UInt8]) throws(WireError) -> AgentEvent {
        var envelope = try MemberReader(try JSONValue(parsing: bytes), path: "$")
        let typeName = try typeName(in: &envelope)
        let id = try id(in: &envelope)
        let fromSequence = try envelope.sequenceIfPresent("from_seq")
        let thread: ThreadID = try envelope.threadID()
        let run: RunID? = try envelope.identifierIfPresent("run_id")
        let agent: AgentName? = try envelope.nameIfPresent("agent")
        let time = try envelope.time("time")
        let type = EventType(rawValue: typeName)
        try EnvelopeRule.check(type, sequence: id.sequence, fromSequence: fromSequence)
        try EnvelopeRule.check(type, hasRun: run != nil, hasAgent: agent != nil)
        let payload: EventPayload
        var unrecognized = UnrecognizedMembers()
        if let type {
            var data = try envelope.object("data")
            payload = try EventPayload(type, from: &data)
            unrecognized.data = data.untaken(known: type.dataMembers)
            unrecognized.envelope = envelope.untaken(known: envelopeMembers)
        } else {
            payload = .unknown(UnknownEvent(typeName: typeName, bytes: bytes))
        }
        return AgentEvent(
            id: id, threadID: thread, runID: run, agent: agent, time: time, fromSequence: fromSequence,
            payload: payload,
            unrecognized: unrecognized.envelope.isEmpty && unrecognized.data.isEmpty ? nil : unrecognized)
    }

    /// Reads an event that a client wants emitted.
    ///
    /// It is strict where something could be lost: only types of the catalogue, only the members they have. It is kind where
    /// nothing is, so that an end does not get lost over a trifle: besides what ``decode(_:)`` tolerates, `null` is the
    /// absence of any optional member; a missing `duration_ms` is measured by the service; missing `arguments` are `{}`;
    /// missing `data` is `{}` for a type that needs no member; an error without a `code` has the code `error`, and one
    /// without `retryable` is not; `removed` of `state_updated` may be `false`. What is logged is in the one strict form.
    ///
    /// - Parameters:
    ///   - path: where the value stands in what the client sent, for errors: `$.events[3]`.
    ///   - thread: the thread that it is for; a `thread_id` in it must be the same.
    /// - Throws: ``WireError`` with the path to the fault. `event.field_not_allowed` for `id`, `seq`, `from_seq` and
    ///   `time`, which only the runtime sets, and for a run where there must be none.
    public static func decodeDraft(
        _ value: JSONValue, path: @autoclosure () -> String, thread: ThreadID
    ) throws(WireError) -> EventDraft {
        do throws(WireError) {
            return try decodeDraft(value, thread: thread)
        } catch {
            throw error.inside(path: path())
        }
    }

    private static func decodeDraft(_ value: JSONValue, thread: ThreadID) throws(WireError) -> EventDraft {
        var envelope = try MemberReader(value, path: "$", isDraft: true)
        let type = try knownType(in: &envelope)
        for name in ["id", "seq", "from_seq", "time"] where envelope.takePresent(name) != nil {
            throw WireError(
                .fieldNotAllowed, path: "$.\(name)", "\(name) is set when the event is accepted; leave it out")
        }
        if let named: ThreadID = try envelope.identifierIfPresent("thread_id"), named != thread {
            throw envelope.invalid("thread_id", "the event is for the thread \(thread), thread_id is \(named)")
        }
        let run: RunID? = try envelope.identifierIfPresent("run_id")
        let agent: AgentName? = try envelope.nameIfPresent("agent")
        try EnvelopeRule.checkDraft(type, hasRun: run != nil, hasAgent: agent != nil)
        var data = try type.needsData ? envelope.object("data") : envelope.objectOrEmpty("data")
        let payload = try EventPayload(type, from: &data)
        if let unknown = envelope.untaken(known: draftMembers + ["id", "seq", "from_seq", "time"]).first {
            throw unknownField(unknown, path: "$", of: "an event", known: draftMembers)
        }
        if let unknown = data.untaken(known: type.dataMembers).first {
            throw unknownField(unknown, path: "$.data", of: type.rawValue, known: type.dataMembers)
        }
        var draft = EventDraft(runID: run, agent: agent, payload)
        draft.isDurationMeasured = data.leavesDuration
        draft.halves = data.halves
        return draft
    }

    // MARK: Parts of the envelope

    private static func typeName(in envelope: inout MemberReader) throws(WireError) -> String {
        let name = try envelope.word("type")
        guard !name.isEmpty else { throw envelope.invalid("type", "type must not be empty") }
        return name
    }

    private static func knownType(in envelope: inout MemberReader) throws(WireError) -> EventType {
        let name = try typeName(in: &envelope)
        guard let type = EventType(rawValue: name) else {
            let catalogue = EventType.allCases.map(\.rawValue).joined(separator: ", ")
            throw WireError(
                .unknownType, path: "$.type",
                "there is no such type; the types are: \(catalogue). Use custom for events of your own")
        }
        return type
    }

    private static func id(in envelope: inout MemberReader) throws(WireError) -> EventID {
        guard let id = EventID(try envelope.word("id")) else {
            throw WireError(
                .invalidIdentifier, path: "$.id", "an event's id is two numbers from 1, joined by a hyphen: 3-42")
        }
        guard let sequence = try envelope.sequenceIfPresent("seq") else {
            throw WireError(.missingField, path: "$.seq", "the member seq is missing")
        }
        guard sequence == id.sequence else {
            throw envelope.invalid("seq", "seq must be the number in id, \(id.sequence), it is \(sequence)")
        }
        return id
    }

    /// The error for a member that the type does not have; it may stand in an object inside of `data`.
    private static func unknownField(
        _ member: JSONObject.Element, path: String, of owner: String, known: [String]
    ) -> WireError {
        let fieldPath = path + WireError.component(member.key)
        // Only an object inside of `data` comes here under a name that is known: an error.
        if known.contains(member.key), let inner = member.value.objectValue?.first {
            return WireError(
                .unknownField, path: fieldPath + WireError.component(inner.key),
                NearestName.problem(
                    inner.key, kind: "member", of: "\(member.key) of \(owner)",
                    known: ["code", "message"] + (owner == EventType.agentFailed.rawValue ? ["retryable"] : []))
                    + "; use a custom event for data of your own")
        }
        return WireError(
            .unknownField, path: fieldPath,
            NearestName.problem(member.key, kind: "member", of: owner, known: known)
                + "; use a custom event for data of your own")
    }
}
