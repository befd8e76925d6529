/// The items of one kind in a run: those that are open, and the ids that cannot be used again.
struct ItemLedger<ID: Hashable & Sendable, Item: Hashable & Sendable>: Hashable, Sendable {
    /// An open item, and its place in the order in which the run's items of all kinds were opened.
    struct Entry: Hashable, Sendable {
        var ordinal: Int
        var item: Item
    }

    /// The change that closing an item made, so that it can be undone.
    struct Closing: Sendable {
        /// The item, if it was open.
        var entry: Entry?
        /// The id that is forgotten for it.
        var forgotten: ID?
    }

    /// The open items. A value may be changed in place; items come by
    /// ``open(_:as:ordinal:)`` and go by ``close(_:)`` or ``release(_:)``.
    var entries: [ID: Entry] = [:]
    private var closed: Set<ID> = []
    /// The ids of ``closed`` in the order in which they came; once it is full, the oldest is at ``oldest``.
    private var order: [ID] = []
    private var oldest = 0

    /// The number of closed ids of each kind that a run remembers: the latest. An older one may be used again, so that
    /// a run that lasts for months does not grow without a bound.
    static var closedLimit: Int { 16_384 }

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
    ///
    /// - Returns: the item; `nil` when it was not open.
    mutating func release(_ id: ID) -> Entry? { entries.removeValue(forKey: id) }

    /// Ends an item, whether it was open or not; its id is used from now on.
    mutating func close(_ id: ID) -> Closing {
        let entry = entries.removeValue(forKey: id)
        guard closed.insert(id).inserted else { return Closing(entry: entry, forgotten: nil) }
        guard order.count == Self.closedLimit else {
            order.append(id)
            return Closing(entry: entry, forgotten: nil)
        }
        let forgotten = order[oldest]
        closed.remove(forgotten)
        order[oldest] = id
        oldest = (oldest + 1) % Self.closedLimit
        return Closing(entry: entry, forgotten: forgotten)
    }

    /// Takes back the last ``close(_:)``, whose id was not used before.
    mutating func undoClose(_ id: ID, _ closing: Closing) {
        closed.remove(id)
        if let forgotten = closing.forgotten {
            oldest = (oldest + Self.closedLimit - 1) % Self.closedLimit
            order[oldest] = forgotten
            closed.insert(forgotten)
        } else {
            order.removeLast()
        }
        if let entry = closing.entry { entries[id] = entry }
    }
}
