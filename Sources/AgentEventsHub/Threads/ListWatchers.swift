import AgentEvents

/// Those who watch lists of threads, and which of them have something to look at: a pure bookkeeping.
///
///     add ──> armed ── changed ──> (is told) busy ──┬── arm ──> armed
///                                                   └── changed ──> busy, and has more to look at ── arm ──> (looks again) busy
///
/// A change is told once, however often it comes: whoever is told looks at the list of then. So nobody has a queue, and a slow
/// one costs nothing. What a thread costs that changes does not grow with the number of those who watch others.
struct ListWatchers {
    /// Names one of those who watch.
    struct Name: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private struct Watcher {
        let readers: [CardReader]
        let tell: @Sendable () -> Void
        var isArmed = true
        var hasMore = false
    }

    private var watchers: [Name: Watcher] = [:]
    private var lists: [CardReader: Set<Name>] = [:]
    /// The prefixes that are watched; few, and each is compared with the id of each thread that changes.
    private var prefixes: Set<String> = []
    /// The number of those who watch as members.
    private var memberCount = 0
    private var nextNumber: UInt64 = 0

    var isEmpty: Bool { watchers.isEmpty }
    /// Whether the members of a thread that changes are wanted.
    var wantsMembers: Bool { memberCount > 0 }

    /// - Parameter tell: hands over that there is something to look at; called on any thread, outside of locks.
    mutating func add(_ readers: [CardReader], _ tell: @escaping @Sendable () -> Void) -> Name {
        let name = Name(number: nextNumber)
        nextNumber += 1
        let watcher = Watcher(readers: Array(Set(readers)), tell: tell)
        watchers[name] = watcher
        for reader in watcher.readers {
            lists[reader, default: []].insert(name)
            switch reader {
            case .prefix(let prefix): prefixes.insert(prefix)
            case .member: memberCount += 1
            case .everybody, .owner, .thread: break
            }
        }
        return name
    }

    mutating func remove(_ name: Name) {
        guard let watcher = watchers.removeValue(forKey: name) else { return }
        for reader in watcher.readers {
            lists[reader]?.remove(name)
            if case .member = reader { memberCount -= 1 }
            guard lists[reader]?.isEmpty == true else { continue }
            lists[reader] = nil
            if case .prefix(let prefix) = reader { prefixes.remove(prefix) }
        }
    }

    /// One of those who watch has looked.
    ///
    /// - Returns: whether there is more to look at already.
    mutating func arm(_ name: Name) -> Bool {
        guard let watcher = watchers[name] else { return false }
        watchers[name]?.isArmed = !watcher.hasMore
        watchers[name]?.hasMore = false
        return watcher.hasMore
    }

    /// The card of a thread has changed.
    ///
    /// - Returns: what is to be called.
    mutating func changed(_ owner: ThreadOwner, members: [String]) -> [@Sendable () -> Void] {
        var names = lists[.everybody] ?? []
        names.formUnion(lists[.owner(owner.user)] ?? [])
        names.formUnion(lists[.thread(owner.thread)] ?? [])
        for member in members { names.formUnion(lists[.member(member)] ?? []) }
        for prefix in prefixes where owner.thread.rawValue.utf8.starts(with: prefix.utf8) {
            names.formUnion(lists[.prefix(prefix)] ?? [])
        }
        return tell(names)
    }

    /// Anything may have changed.
    mutating func allChanged() -> [@Sendable () -> Void] { tell(watchers.keys) }

    /// In the order in which they came, so that the same is always followed by the same.
    private mutating func tell(_ names: some Sequence<Name>) -> [@Sendable () -> Void] {
        names.sorted { $0.number < $1.number }.compactMap { told($0) }
    }

    private mutating func told(_ name: Name) -> (@Sendable () -> Void)? {
        guard let watcher = watchers[name] else { return nil }
        guard watcher.isArmed else {
            watchers[name]?.hasMore = true
            return nil
        }
        watchers[name]?.isArmed = false
        return watcher.tell
    }
}
