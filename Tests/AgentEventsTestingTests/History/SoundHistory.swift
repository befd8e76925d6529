import AgentEvents
import AgentEventsChecks

/// A history with nothing wrong: two threads of two users, three clients, two of them on the same thread. Tests break it
/// in one place.
struct SoundHistory {
    var records: [HistoryRecord] = []

    static let first: [Step] = [
        .start, .think(), .call(), .callEnd(), .delta("m_1", "Hi "), .delta("m_1", "there"), .message(), .complete,
    ]
    static let second: [Step] = [.user, .start.of("r_2"), .complete.of("r_2")]

    /// What the log holds of the first thread, and of the second.
    static let events = (first: first.events(in: "t_1"), second: second.events(in: "t_2"))

    /// - Parameter hasLog: whether the history knows what the log holds.
    init(hasLog: Bool = true) throws {
        for (index, (step, event)) in zip(Self.first, Self.events.first).enumerated() {
            let draft = EventDraft(runID: step.run, agent: step.agent, step.payload)
            // Every third one needs two attempts, of which the producer only knows how the second one ended.
            for attempt in index % 3 == 0 ? ["a\(index)", "b\(index)"] : ["b\(index)"] {
                records.append(
                    .attempted(
                        HistoryAttempt(
                            name: attempt, thread: "t_1", user: "u_1", key: try IdempotencyKey("k_\(index)"),
                            drafts: [draft])))
            }
            records.append(.acknowledged(attempt: "b\(index)", thread: "t_1", ids: [event.id]))
        }
        // One that was refused, and one of which nobody heard again.
        for (name, text) in [("refused", "no"), ("lost", "perhaps")] {
            let draft = EventDraft(runID: "r_1", Step.think(text).payload)
            records.append(.attempted(HistoryAttempt(name: name, thread: "t_1", user: "u_1", drafts: [draft])))
        }
        records.append(.refused(attempt: "refused"))
        let drafts = Self.second.map { EventDraft(runID: $0.run, agent: $0.agent, $0.payload) }
        records.append(.attempted(HistoryAttempt(name: "all", thread: "t_2", user: "u_2", drafts: drafts)))
        records.append(.acknowledged(attempt: "all", thread: "t_2", ids: Self.events.second.map(\.id)))
        if hasLog {
            for event in Self.events.first + Self.events.second {
                records.append(.logged(bytes: try Self.bytes(event)))
            }
        }
        try see(Self.events.first, by: "c_1", of: "u_1")
        try see(Self.events.second, by: "c_2", of: "u_2")
        try seeAgainFromTheMiddle()
    }

    private mutating func see(_ events: [AgentEvent], by client: String, of user: UserID) throws {
        guard let thread = events.first?.threadID else { return }
        records.append(.subscribed(client: client, user: user, thread: thread, after: nil))
        for event in events { records.append(.seen(client: client, bytes: try Self.bytes(event))) }
    }

    /// A client that begins behind the second event, reconnects, gets two fragments as one, and acknowledges.
    private mutating func seeAgainFromTheMiddle() throws {
        var events = Self.events.first[2...]
        records.append(.subscribed(client: "c_3", user: "u_1", thread: "t_1", after: EventID("1-2")))
        for event in events.prefix(2) { records.append(.seen(client: "c_3", bytes: try Self.bytes(event))) }
        records.append(.subscribed(client: "c_3", user: "u_1", thread: "t_1", after: EventID("1-4")))
        records.append(.seen(client: "c_3", bytes: try Self.bytes(Self.merged)))
        events = Self.events.first[6...]
        for event in events { records.append(.seen(client: "c_3", bytes: try Self.bytes(event))) }
        guard let cursor = EventID("1-6") else { return }
        records.append(.acknowledgedByClient(client: "c_3", thread: "t_1", cursor: cursor))
        records.append(
            .reported(client: "c_3", thread: "t_1", acknowledged: cursor, sent: Self.events.first[7].id))
    }

    /// The two fragments as one event.
    static var merged: AgentEvent {
        var event = events.first[5]
        event.fromSequence = 5
        event.payload = Step.delta("m_1", "Hi there").payload
        return event
    }

    static func bytes(_ event: AgentEvent) throws -> [UInt8] { try EventEncoder.encode(event) }

    /// The faults of the history, as `rule client thread event`.
    func faults() -> [String] {
        var check = HistoryCheck()
        for (index, record) in records.enumerated() { check.receive(record, at: "\(index + 1)") }
        return check.finish().map { fault in
            [fault.rule, fault.client, fault.thread?.rawValue, fault.event?.description].compactMap(\.self)
                .joined(separator: " ")
        }
    }

    /// Where a client saw an event.
    func index(ofSeen sequence: UInt64, by client: String) throws -> Int? {
        try records.firstIndex { record in
            guard case .seen(client, let bytes) = record else { return false }
            return try EventDecoder.decode(bytes).sequence == sequence
        }
    }
}
