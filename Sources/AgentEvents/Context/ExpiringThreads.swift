import Synchronization

/// The threads whose contexts may have values that expire, and the time to look at them: over restarts, and also while
/// nobody has the context of a thread in memory.
///
/// ```
///          prepare: stored, then known                        didLook, nothing is left: forgotten, then removed
///   none ──────────────────────────────> a time to look at ──────────────────────────────────────────────────> none
///                                          │            ^
///                                          └── didLook ──┘ a later time is stored in its place
/// ```
///
/// What is stored is a name alone, `<time> <user> <number>`, of which a thread may have several: none takes the place of another
/// that is on its way.
final class ExpiringThreads: Sendable {
    private struct Mark {
        var time: Timestamp
        var names: [String]
    }

    private let store: (any StateStore)?
    private let generation: UInt64
    private let marks = Mutex<[ThreadID: Mark]>([:])
    private let lastNumber = Atomic<UInt64>(0)

    init(_ log: any EventLog, generation: UInt64) {
        store = log as? any StateStore
        self.generation = generation
    }

    /// Reads what earlier processes have stored.
    ///
    /// - Returns: when to look at threads. Of a store that cannot be searched nothing is known: there a thread is looked at
    ///   once it is used.
    func load() async throws(EventLogError) -> [(owner: ThreadOwner, time: Timestamp)] {
        guard let store = store as? any SearchableStateStore else { return [] }
        var found: [(owner: ThreadOwner, time: Timestamp)] = []
        for place in try await store.places(of: .expiry, namePrefix: "") {
            guard let (time, user) = Self.parts(of: place.name) else { continue }
            add(place.name, of: place.thread, at: time)
            found.append((ThreadOwner(thread: place.thread, user: user), time))
        }
        // A table of times keeps the last one that it is given.
        return found.sorted { $0.time > $1.time }
    }

    /// Whether it is time to look at a thread.
    func isDue(_ thread: ThreadID, at now: Timestamp) -> Bool {
        marks.withLock { $0[thread].map { $0.time <= now } ?? false }
    }

    /// Whether a thread may have values that expire.
    func mayHave(_ thread: ThreadID) async throws(EventLogError) -> Bool {
        if marks.withLock({ $0[thread] != nil }) { return true }
        guard let store, !(store is any SearchableStateStore) else { return false }
        let stored = try await store.loadAll(.expiry, thread: thread)
        for value in stored {
            if let (time, _) = Self.parts(of: value.name) { add(value.name, of: thread, at: time) }
        }
        return !stored.isEmpty
    }

    /// A value is about to expire at a time. Returns when that is durable.
    func prepare(_ owner: ThreadOwner, at time: Timestamp) async throws(EventLogError) {
        if marks.withLock({ $0[owner.thread].map { $0.time <= time } ?? false }) { return }
        let name = nextName(owner, time)
        try await store?.save([StoredValue(.expiry, thread: owner.thread, name: name, bytes: [])])
        add(name, of: owner.thread, at: time)
    }

    /// A thread was looked at.
    ///
    /// - Parameter next: when a value expires next; `nil` when none does.
    func didLook(_ owner: ThreadOwner, next: Timestamp?) async throws(EventLogError) {
        let thread = owner.thread
        // What is prepared from here on has a name of its own.
        let old = marks.withLock { marks -> Mark? in
            if let next, let mark = marks[thread], mark.time >= next { return nil }
            return marks.removeValue(forKey: thread)
        }
        guard let old else { return }
        let name = next.map { nextName(owner, $0) }
        do throws(EventLogError) {
            var values = old.names.map { StoredValue(.expiry, thread: thread, name: $0, bytes: nil) }
            if let name { values.append(StoredValue(.expiry, thread: thread, name: name, bytes: [])) }
            try await store?.save(values)
        } catch {
            for name in old.names { add(name, of: thread, at: old.time) }
            throw error
        }
        if let name, let next { add(name, of: thread, at: next) }
    }

    /// The thread was deleted, and what is stored of it.
    func forget(_ thread: ThreadID) { marks.withLock { _ = $0.removeValue(forKey: thread) } }

    private func add(_ name: String, of thread: ThreadID, at time: Timestamp) {
        marks.withLock { marks in
            var mark = marks[thread] ?? Mark(time: time, names: [])
            mark.time = min(mark.time, time)
            mark.names.append(name)
            marks[thread] = mark
        }
    }

    private func nextName(_ owner: ThreadOwner, _ time: Timestamp) -> String {
        let number = lastNumber.add(1, ordering: .relaxed).newValue
        return "\(time.milliseconds) \(owner.user) \(generation)-\(number)"
    }

    private static func parts(of name: String) -> (time: Timestamp, user: UserID)? {
        // No id has a space in it.
        let parts = name.split(separator: " ")
        guard parts.count == 3, let milliseconds = Int64(parts[0]), let user = try? UserID(parts[1]) else { return nil }
        return (Timestamp(milliseconds: milliseconds), user)
    }
}
