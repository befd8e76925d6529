import AgentEvents

/// Users who take turns, each with the entries that may be tried.
struct QueueTurns: Sendable {
    private var entries: [UserID: [RunQueueStateMachine.Entry]] = [:]
    /// The users whose turns come, each once. One who may not start any further run drops out until
    /// ``wake(_:)``.
    private var turns = Deque<UserID>()
    private var waiting: Set<UserID> = []

    var isEmpty: Bool { entries.isEmpty }

    mutating func add(_ entry: RunQueueStateMachine.Entry) {
        entries[entry.user, default: []].append(entry)
        wake(entry.user)
    }

    mutating func remove(_ entry: RunQueueStateMachine.Entry) {
        guard var others = entries[entry.user] else { return }
        others.removeAll { $0.place == entry.place }
        entries[entry.user] = others.isEmpty ? nil : others
    }

    /// The user may start runs again.
    mutating func wake(_ user: UserID) {
        guard entries[user] != nil, waiting.insert(user).inserted else { return }
        turns.append(user)
    }

    /// The entry whose turn it is; it stays until it is removed.
    mutating func next(where mayTake: (UserID) -> Bool) -> RunQueueStateMachine.Entry? {
        while let user = turns.popFirst() {
            waiting.remove(user)
            guard mayTake(user), let mine = entries[user] else { continue }
            defer { wake(user) }
            return mine.min {
                ($0.queuedAt, $0.place.thread.rawValue) < ($1.queuedAt, $1.place.thread.rawValue)
            }
        }
        return nil
    }
}
