import AgentEvents

/// Who works something of a thread out, and who waits for it: one at a time for each thread, and those who come in the
/// meantime share the next turn. So whoever asks gets what has everything committed before.
struct ThreadFlights<Waiter> {
    private struct Flight {
        /// Get what is being worked out.
        var members: [Waiter] = []
        /// Came too late for it.
        var next: [Waiter] = []
    }

    private var flights: [ThreadID: Flight] = [:]

    enum JoinAction: Equatable {
        /// The caller works it out, and then says so.
        case lead
        /// The caller waits to be told.
        case wait
    }

    /// - Parameter waiter: kept when the answer is `wait`; without one nothing changes then.
    mutating func join(_ thread: ThreadID, waiter: Waiter?) -> JoinAction {
        guard flights[thread] != nil else {
            flights[thread] = Flight()
            return .lead
        }
        if let waiter { flights[thread]?.next.append(waiter) }
        return .wait
    }

    struct Landing {
        /// Get the outcome.
        var members: [Waiter]
        /// Works the next one out; `nil` when nobody waits.
        var leader: Waiter?
    }

    /// The leader of a thread is done, one way or the other.
    mutating func land(_ thread: ThreadID) -> Landing {
        guard var flight = flights[thread] else { preconditionFailure("only a leader lands") }
        let members = flight.members
        guard !flight.next.isEmpty else {
            flights[thread] = nil
            return Landing(members: members, leader: nil)
        }
        let leader = flight.next.removeFirst()
        flight.members = flight.next
        flight.next = []
        flights[thread] = flight
        return Landing(members: members, leader: leader)
    }

    var isEmpty: Bool { flights.isEmpty }
}
