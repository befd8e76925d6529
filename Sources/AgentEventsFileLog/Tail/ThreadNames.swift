import AgentEvents

/// The ids of threads by their numbers, as far as readers have met them lately. A number never gets another thread.
struct ThreadNames: Sendable {
    private let limit: Int
    private var names: [UInt64: ThreadID] = [:]

    /// - Parameter limit: how many are remembered.
    init(limit: Int) {
        self.limit = limit
    }

    subscript(number: UInt64) -> ThreadID? { names[number] }

    mutating func forget(_ numbers: Set<UInt64>) {
        for number in numbers { names[number] = nil }
    }

    mutating func remember(_ thread: ThreadID, number: UInt64) {
        if names.count >= limit { names.removeAll(keepingCapacity: true) }
        names[number] = thread
    }
}
