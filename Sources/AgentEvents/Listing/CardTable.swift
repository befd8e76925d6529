/// The cards of an in-memory log, and the lists that they are in.
struct CardTable: Sendable {
    private(set) var savedThrough: UInt64 = 0
    private var cards: [ThreadID: ThreadCard] = [:]
    /// Rising: what happens last is at the end, where it costs nothing to insert.
    private var lists: [CardReader: [CardPlace]] = [:]
    /// The names of the members of each thread, whether it has a card or not.
    private var members: [ThreadID: Set<String>] = [:]
    /// The size of the cards, in bytes.
    private(set) var byteCount = 0

    func card(of thread: ThreadID) -> ThreadCard? { cards[thread] }

    /// The size with these cards, in bytes.
    func byteCount(saving new: [ThreadCard]) -> Int {
        new.reduce(byteCount) { $0 + $1.bytes.count - (cards[$1.thread]?.bytes.count ?? 0) }
    }

    mutating func save(_ new: [ThreadCard], through offset: UInt64) {
        for card in new {
            remove(card.thread, keepingMembers: true)
            cards[card.thread] = card
            byteCount += card.bytes.count
            for reader in readers(of: card) { insert(card.place, for: reader) }
        }
        savedThrough = max(savedThrough, offset)
    }

    /// A member was saved, or removed.
    mutating func memberChanged(_ name: String, in thread: ThreadID, isMember: Bool) {
        if isMember {
            guard members[thread, default: []].insert(name).inserted, let card = cards[thread] else { return }
            insert(card.place, for: .member(name))
        } else {
            guard members[thread]?.remove(name) != nil, let card = cards[thread] else { return }
            remove(card.place, for: .member(name))
        }
    }

    /// Forgets a thread.
    mutating func remove(_ thread: ThreadID) { remove(thread, keepingMembers: false) }

    private mutating func remove(_ thread: ThreadID, keepingMembers: Bool) {
        if let card = cards.removeValue(forKey: thread) {
            byteCount -= card.bytes.count
            for reader in readers(of: card) { remove(card.place, for: reader) }
        }
        if !keepingMembers { members[thread] = nil }
    }

    private func readers(of card: ThreadCard) -> [CardReader] {
        [.everybody, .owner(card.user)] + (members[card.thread] ?? []).map { .member($0) }
    }

    private mutating func insert(_ place: CardPlace, for reader: CardReader) {
        let index = lists[reader, default: []].partitioningIndex { $0 >= place }
        lists[reader, default: []].insert(place, at: index)
    }

    private mutating func remove(_ place: CardPlace, for reader: CardReader) {
        guard let list = lists[reader] else { return }
        let index = list.partitioningIndex { $0 >= place }
        guard index < list.endIndex, list[index] == place else { return }
        lists[reader]?.remove(at: index)
    }

    func list(_ query: CardQuery) throws(EventLogError) -> [ThreadCard] {
        var places: [[CardPlace]] = []
        for reader in Set(query.readers) { places.append(try self.places(of: reader, query)) }
        return query.first(of: places).compactMap { cards[$0.thread] }
    }

    private func places(of reader: CardReader, _ query: CardQuery) throws(EventLogError) -> [CardPlace] {
        if case .prefix(let prefix) = reader { return try places(beginningWith: prefix, query) }
        if case .thread(let thread) = reader { return cards[thread].map { [$0.place] }?.filter(query.includes) ?? [] }
        guard let list = lists[reader] else { return [] }
        let end = query.before.map { before in list.partitioningIndex { $0 >= before } } ?? list.endIndex
        return Array(list[..<end].suffix(query.maximumCount))
    }

    private func places(beginningWith prefix: String, _ query: CardQuery) throws(EventLogError) -> [CardPlace] {
        // The ids are not sorted: a log in memory has few threads, and all of them are looked at.
        let found = cards.values.filter { $0.thread.rawValue.utf8.starts(with: prefix.utf8) }
        guard found.count <= CardReader.maximumPrefixCount else { throw CardQuery.tooMany(prefix) }
        return found.map(\.place).filter(query.includes)
    }
}

extension InMemoryEventLog: ListingEventLog {
    public func listing() async throws(EventLogError) -> ListingPosition {
        withCards { cards, end in ListingPosition(savedThrough: cards.savedThrough, end: end) }
    }

    public func cards(of threads: [ThreadID]) async throws(EventLogError) -> [ThreadCard] {
        withCards { cards, _ in threads.compactMap { cards.card(of: $0) } }
    }

    public func list(_ query: CardQuery) async throws(EventLogError) -> [ThreadCard] {
        try withCards { (cards, _) throws(EventLogError) in try cards.list(query) }
    }
}
