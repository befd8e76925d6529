/// A sink, seen from a deletion: by which name it is told, and what becomes of its events.
struct SinkErasureState: Sendable {
    /// The sink's name.
    var name: String
    /// `nil` when it is told of no deletion.
    var recipient: SinkDeletions.Recipient?
    /// `nil` when the sink knows nothing of deletions.
    var erasure: SinkErasure?
    /// Whether it has dead letters in a store that cannot erase them.
    var keepsDeadLetters: Bool

    /// The states of sinks, in their order.
    static func states(of sinks: [any EventSink]) -> [SinkErasureState] {
        var counts: [SinkDeletions.Recipient: Int] = [:]
        return sinks.map { sink in
            let durable = sink as? DurableSink
            let erasing = (durable?.sink ?? sink) as? any DeletionSink
            let letters = durable?.deadLetters
            var recipient: SinkDeletions.Recipient?
            if erasing != nil || letters is any ErasingDeadLetterStore {
                var named = SinkDeletions.Recipient(name: durable?.offsetName ?? sink.name, isDurable: durable != nil)
                counts[named, default: 0] += 1
                named.number = (counts[named] ?? 1) - 1
                recipient = named
            }
            return SinkErasureState(
                name: sink.name, recipient: recipient, erasure: erasing?.erasure,
                keepsDeadLetters: letters != nil && !(letters is any ErasingDeadLetterStore))
        }
    }

    static func leftovers(
        _ states: [SinkErasureState],
        waiting: Set<SinkDeletions.Recipient>
    ) -> [SinkLeftover] {
        var leftovers: [SinkLeftover] = []
        for state in states {
            if let recipient = state.recipient, waiting.contains(recipient) {
                leftovers.append(SinkLeftover(sink: state.name, .waiting))
            }
            switch state.erasure {
            case .complete: break
            case .passedOn: leftovers.append(SinkLeftover(sink: state.name, .passedOn))
            case .impossible: leftovers.append(SinkLeftover(sink: state.name, .cannotErase))
            case nil: leftovers.append(SinkLeftover(sink: state.name, .knowsNothing))
            }
            if state.keepsDeadLetters { leftovers.append(SinkLeftover(sink: state.name, .deadLetters)) }
        }
        let known = Set(states.compactMap(\.recipient))
        let gone = waiting.subtracting(known).sorted { $0.name < $1.name }
        return leftovers + gone.map { SinkLeftover(sink: $0.name, .absent) }
    }
}

/// Something that a sink has of a deleted thread, or may have.
package struct SinkLeftover: Hashable, Sendable {
    package enum Reason: Hashable, Sendable, CaseIterable {
        /// It was not told yet, or refuses to take it.
        case waiting
        /// It is not among the sinks of this service any longer, and was not told before.
        case absent
        /// Those to whom it gave the events may keep them.
        case passedOn
        /// It cannot take back what it wrote.
        case cannotErase
        /// It cannot be told.
        case knowsNothing
        /// Its dead letters cannot be erased.
        case deadLetters
    }

    /// The sink's name.
    package var sink: String
    package var reason: Reason

    init(sink: String, _ reason: Reason) {
        self.sink = sink
        self.reason = reason
    }
}
