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

    private struct State {
        var marks: [ThreadID: Mark] = [:]
        /// The values that are prepared for, and of which it is not decided whether they are set.
        var undecided: [ThreadID: Int] = [:]

        mutating func add(_ name: String, of thread: ThreadID, at time: Timestamp) {
            var mark = marks[thread] ?? Mark(time: time, names: [])
            mark.time = min(mark.time, time)
            mark.names.append(name)
            marks[thread] = mark
        }
    }

    private let store: (any StateStore)?
    private let generation: UInt64
    /// Whether other processes set values, too.
    private let isContended: Bool
    private let marks = Mutex(State())
    private let lastNumber = Atomic<UInt64>(0)

    init(_ log: any EventLog, generation: UInt64) {
        store = log as? any StateStore
        isContended = log is any ContendedLog
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
        marks.withLock { $0.marks[thread].map { $0.time <= now } ?? false }
    }

    /// Whether a thread may have values that expire.
    func mayHave(_ thread: ThreadID) async throws(EventLogError) -> Bool {
        if marks.withLock({ $0.marks[thread] != nil }) { return true }
        guard let store, isContended || !(store is any SearchableStateStore) else { return false }
        let stored = try await store.loadAll(.expiry, thread: thread)
        for value in stored {
            if let (time, _) = Self.parts(of: value.name) { add(value.name, of: thread, at: time) }
        }
        return !stored.isEmpty
    }

    /// A value is about to be set that expires at a time. Returns when that is durable; ``didDecide(_:)`` has to follow.
    func prepare(_ owner: ThreadOwner, at time: Timestamp) async throws(EventLogError) {
        let thread = owner.thread
        let old = marks.withLock { state -> [String]? in
            state.undecided[thread, default: 0] += 1
            guard let mark = state.marks[thread] else { return [] }
            return mark.time <= time ? nil : mark.names
        }
        guard let old else { return }
        let name = nextName(owner, time)
        do throws(EventLogError) {
            // A thread is looked at once for all of them: the earliest will do.
            let removals = old.map { StoredValue(.expiry, thread: thread, name: $0, bytes: nil) }
            try await store?.save(removals + [StoredValue(.expiry, thread: thread, name: name, bytes: [])])
        } catch {
            didDecide(thread)
            throw error
        }
        marks.withLock { state in
            state.marks[thread]?.names.removeAll { old.contains($0) }
            state.add(name, of: thread, at: time)
        }
    }

    /// A value that was prepared for is among those of its thread, or was refused.
    func didDecide(_ thread: ThreadID) {
        marks.withLock { state in
            let count = (state.undecided[thread] ?? 1) - 1
            state.undecided[thread] = count > 0 ? count : nil
        }
    }

    /// A thread was looked at.
    ///
    /// - Parameter next: when a value expires next; `nil` when none does.
    /// - Returns: `false` when somebody is about to set one: then nothing has changed.
    func didLook(_ owner: ThreadOwner, next: Timestamp?) async throws(EventLogError) -> Bool {
        let thread = owner.thread
        enum Action {
            case wait
            case nothing
            case replace(Mark)
        }
        // What is prepared from here on has a name of its own.
        let action = marks.withLock { state -> Action in
            if state.undecided[thread] != nil { return .wait }
            guard let mark = state.marks[thread] else { return .nothing }
            if let next, mark.time >= next { return .nothing }
            state.marks[thread] = nil
            return .replace(mark)
        }
        let old: Mark
        switch action {
        case .wait: return false
        case .nothing: return true
        case .replace(let mark): old = mark
        }
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
        return true
    }

    /// The thread was deleted, and what is stored of it.
    func forget(_ thread: ThreadID) { marks.withLock { $0.marks[thread] = nil } }

    private func add(_ name: String, of thread: ThreadID, at time: Timestamp) {
        marks.withLock { $0.add(name, of: thread, at: time) }
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
