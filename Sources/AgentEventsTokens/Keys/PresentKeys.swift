import Synchronization

/// The keys that there are, of all issuers, for what they have signed before: tokens that were checked, and connections that were
/// opened with them.
///
/// A key that is gone is not kept in mind. One that is back is there again, and so counts what it has signed.
final class PresentKeys: Sendable {
    private struct State {
        /// For each issuer, by the fingerprints of keys.
        var tables: [Set<[UInt8]>] = []
        var observers: [@Sendable () -> Void] = []
    }

    /// The tokens that were checked.
    let cache = Mutex(VerifiedTokenCache())
    private let state = Mutex(State())
    /// Whether a key was ever gone: the usual case, in which nothing is looked up, is that none was.
    private let wasChanged = Atomic<Bool>(false)
    private let onRemovedKey: @Sendable (_ issuer: String?, _ key: String?) -> Void

    init(_ onRemovedKey: @escaping @Sendable (_ issuer: String?, _ key: String?) -> Void) {
        self.onRemovedKey = onRemovedKey
    }

    /// The keys of one further issuer.
    func begin(_ table: KeyTable) { state.withLock { $0.tables.append(table.fingerprints) } }

    func observe(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.observers.append(body) } }

    /// - Parameter fingerprint: that of a token's key; `nil` for one that is not of this authenticator.
    func contains(_ fingerprint: [UInt8]?) -> Bool {
        guard let fingerprint, wasChanged.load(ordering: .acquiring) else { return true }
        return state.withLock { state in state.tables.contains { $0.contains(fingerprint) } }
    }

    /// Issuers have other keys. The tables that tokens are checked with were replaced before.
    func change(_ changed: [(index: Int, table: KeyTable)], removed: Set<TokenKey.Name>) {
        let observers = state.withLock { state in
            for (index, table) in changed { state.tables[index] = table.fingerprints }
            return state.observers
        }
        guard !removed.isEmpty else { return }
        // After the tables, so that who sees this sees them; before the observers, so that those who are told look.
        wasChanged.store(true, ordering: .releasing)
        cache.withLock { $0.removeAll() }
        for observer in observers { observer() }
        for name in removed { onRemovedKey(name.issuer, name.id) }
    }
}
