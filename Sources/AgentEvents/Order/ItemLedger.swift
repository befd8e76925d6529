/// The items of one kind in a run: those that are open, and the ids that cannot be used again.
struct ItemLedger<ID: Hashable & Sendable, Item: Hashable & Sendable>: Hashable, Sendable {
    /// An open item, and its place in the order in which the run's items of all kinds were opened.
    struct Entry: Hashable, Sendable {
        var ordinal: Int
        var item: Item
    }

    /// The open items. A value may be changed in place; items come by
    /// ``open(_:as:ordinal:)`` and go by ``close(_:)`` or ``release(_:)``.
    var entries: [ID: Entry] = [:]
    private var closed: Set<ID> = []

    var isEmpty: Bool { entries.isEmpty }

    func isOpen(_ id: ID) -> Bool { entries.index(forKey: id) != nil }
    func isClosed(_ id: ID) -> Bool { closed.contains(id) }
    /// Whether the id cannot be taken for a new item.
    func isUsed(_ id: ID) -> Bool { isOpen(id) || isClosed(id) }

    /// The open item of an id.
    subscript(id: ID) -> Item? { entries[id]?.item }

    mutating func open(_ id: ID, as item: Item, ordinal: Int) {
        entries[id] = Entry(ordinal: ordinal, item: item)
    }

    /// Ends an item; its id may be used again.
    mutating func release(_ id: ID) { entries.removeValue(forKey: id) }

    /// Ends an item, whether it was open or not; its id is used from now on.
    mutating func close(_ id: ID) {
        entries.removeValue(forKey: id)
        closed.insert(id)
    }
}
