package import AgentEvents

/// Something in a history that must not be.
package struct HistoryFault: Hashable, Sendable, CustomStringConvertible {
    /// The code of a ``HistoryRule``, or of the order: `order.work_open`.
    package var rule: String
    /// Where the record stands, as it was given with it; `nil` for what is missing.
    package var place: String?
    /// The client that saw it, or should have.
    package var client: String?
    package var thread: ThreadID?
    package var event: EventID?
    /// What is wrong.
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
        thread = fault.thread
        event = fault.event
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
