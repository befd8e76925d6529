import AgentEvents

/// The values that a log must have beside its events: those that were saved last, or whose saving failed since.
struct DiskValues {
    private struct Place: Hashable {
        var kind: StoredValue.Kind
        var thread: ThreadID?
        var name: String

        init(_ value: StoredValue) { (kind, thread, name) = (value.kind, value.thread, value.name) }
    }

    private struct Known {
        var value: StoredValue
        /// What was to be saved since, in vain as far as anybody knows.
        var uncertain: [[UInt8]?] = []
    }

    private var known: [Place: Known] = [:]
    private var order: [Place] = []

    /// In the order in which they were first saved.
    var all: [StoredValue] { order.compactMap { known[$0]?.value } }

    mutating func willSave(_ values: [StoredValue]) {
        for value in values {
            let place = Place(value)
            if known[place] == nil {
                var nothing = value
                nothing.bytes = nil
                known[place] = Known(value: nothing)
                order.append(place)
            }
            known[place]?.uncertain.append(value.bytes)
        }
    }

    mutating func didSave(_ values: [StoredValue]) {
        for value in values { known[Place(value)] = Known(value: value) }
    }

    /// - Returns: one that is not as it must be.
    mutating func takeOver(_ found: [StoredValue]) -> StoredValue? {
        var wrong: StoredValue?
        for value in found {
            guard let due = known[Place(value)] else { continue }
            if due.value.bytes != value.bytes, !due.uncertain.contains(value.bytes) { wrong = wrong ?? value }
            known[Place(value)] = Known(value: value)
        }
        return wrong
    }
}
