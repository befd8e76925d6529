import AgentEvents
import GRDB

/// The statements on the tables of cards: `card` has them, and `listed` the lists that they are in, each in the order of its
/// places. The list of a reader has its name: `*` everybody, `o:` and a user, `m:` and a member. A row of `listed` has no
/// checksum: what it leads to is compared with the card.
enum CardDatabase {
    private static let tenant = TenantID.default
    private static let savedThrough = "listed_through"

    static func createTables(in database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE card (
                    tenant TEXT NOT NULL, thread TEXT NOT NULL, user TEXT NOT NULL, activity INTEGER NOT NULL,
                    body BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (tenant, thread)
                ) WITHOUT ROWID;
                CREATE TABLE listed (
                    tenant TEXT NOT NULL, reader TEXT NOT NULL, activity INTEGER NOT NULL, thread TEXT NOT NULL,
                    PRIMARY KEY (tenant, reader, activity, thread)
                ) WITHOUT ROWID;
                """
        )
        try LogDatabase.setMeta(savedThrough, to: 0, in: database)
    }

    // MARK: The place

    static func savedThrough(in database: Database) throws -> UInt64 {
        UInt64(try LogDatabase.meta(savedThrough, in: database))
    }

    static func setSavedThrough(_ offset: UInt64, in database: Database) throws {
        try LogDatabase.setMeta(savedThrough, to: Int64(clamping: offset), in: database)
    }

    // MARK: Cards

    static func card(of thread: ThreadID, in database: Database) throws -> ThreadCard? {
        let statement = try RawStatement(
            "SELECT user, activity, body, checksum FROM card WHERE tenant = ? AND thread = ?", in: database)
        defer { statement.reset() }
        bind(thread, to: statement)
        guard try statement.step() else { return nil }
        guard let user = try? UserID(statement.text(0)) else { throw damaged(thread) }
        let card = ThreadCard(
            thread: thread, user: user, activity: Timestamp(milliseconds: statement.integer(1)),
            bytes: [UInt8](statement.bytes(2)))
        guard statement.integer(3) == checksum(card) else { throw damaged(thread) }
        return card
    }

    static func save(_ card: ThreadCard, in database: Database) throws {
        let names = try memberNames(of: card.thread, in: database)
        if let old = try self.card(of: card.thread, in: database) {
            for list in lists(of: old, names) { try remove(old.place, from: list, in: database) }
        }
        let statement = try RawStatement(
            "INSERT OR REPLACE INTO card (tenant, thread, user, activity, checksum, body) VALUES (?, ?, ?, ?, ?, ?)",
            in: database)
        bind(card.thread, to: statement)
        statement.bind(card.user.rawValue, at: 3)
        statement.bind(card.activity.milliseconds, at: 4)
        statement.bind(checksum(card), at: 5)
        try statement.run(binding: card.bytes, at: 6)
        for list in lists(of: card, names) { try insert(card.place, into: list, in: database) }
    }

    /// A member of a thread was saved, or removed.
    static func memberChanged(_ name: String, in thread: ThreadID, isMember: Bool, _ database: Database) throws {
        guard let card = try card(of: thread, in: database) else { return }
        let list = list(of: .member(name))
        if isMember {
            try insert(card.place, into: list, in: database)
        } else {
            try remove(card.place, from: list, in: database)
        }
    }

    /// Takes the card of a thread away. Before its members: they say in which lists it is.
    static func remove(_ thread: ThreadID, in database: Database) throws {
        guard let card = try card(of: thread, in: database) else { return }
        for list in lists(of: card, try memberNames(of: thread, in: database)) {
            try remove(card.place, from: list, in: database)
        }
        let deletion = try RawStatement("DELETE FROM card WHERE tenant = ? AND thread = ?", in: database)
        bind(thread, to: deletion)
        try deletion.run()
    }

    // MARK: Lists

    static func list(_ query: CardQuery, in database: Database) throws -> [ThreadCard] {
        let places = try Set(query.readers).map { reader in
            if case .prefix(let prefix) = reader {
                return try self.places(beginningWith: prefix, query, in: database)
            }
            if case .thread(let thread) = reader {
                return try card(of: thread, in: database).map { [$0.place] }?.filter(query.includes) ?? []
            }
            return try self.places(in: list(of: reader), query, in: database)
        }
        return try query.first(of: places).map { place in
            guard let card = try card(of: place.thread, in: database), card.place == place else {
                throw damaged(place.thread)
            }
            return card
        }
    }

    /// Goes through a list from a place on, and no further than it has to.
    static let selectPlaces =
        "SELECT activity, thread FROM listed WHERE tenant = ? AND reader = ? AND (activity, thread) < (?, ?) "
        + "ORDER BY activity DESC, thread DESC LIMIT ?"
    static let selectPlacesOfPrefix =
        "SELECT activity, thread FROM card WHERE tenant = ? AND thread >= ? AND thread < ? LIMIT ?"

    private static func places(in list: String, _ query: CardQuery, in database: Database) throws -> [CardPlace] {
        let statement = try RawStatement(selectPlaces, in: database)
        defer { statement.reset() }
        statement.bind(tenant.rawValue, at: 1)
        statement.bind(list, at: 2)
        statement.bind(query.before?.activity.milliseconds ?? .max, at: 3)
        statement.bind(query.before?.thread.rawValue ?? "", at: 4)
        statement.bind(Int64(query.maximumCount), at: 5)
        var places: [CardPlace] = []
        while try statement.step() { places.append(try place(statement)) }
        return places
    }

    private static func places(
        beginningWith prefix: String,
        _ query: CardQuery,
        in database: Database
    ) throws -> [CardPlace] {
        // No id has a byte above those of ASCII.
        let statement = try RawStatement(selectPlacesOfPrefix, in: database)
        defer { statement.reset() }
        statement.bind(tenant.rawValue, at: 1)
        statement.bind(prefix, at: 2)
        statement.bind(prefix + "\u{7F}", at: 3)
        statement.bind(Int64(CardReader.maximumPrefixCount + 1), at: 4)
        var places: [CardPlace] = []
        while try statement.step() { places.append(try place(statement)) }
        guard places.count <= CardReader.maximumPrefixCount else { throw CardQuery.tooMany(prefix) }
        return places.filter(query.includes)
    }

    private static func place(_ statement: RawStatement) throws -> CardPlace {
        guard let thread = try? ThreadID(statement.text(1)) else {
            throw LogConnection.corrupt("a list of threads")
        }
        return CardPlace(activity: Timestamp(milliseconds: statement.integer(0)), thread: thread)
    }

    private static func list(of reader: CardReader) -> String {
        switch reader {
        case .everybody: "*"
        case .owner(let user): "o:\(user.rawValue)"
        case .member(let name): "m:\(name)"
        case .thread, .prefix: preconditionFailure("there is no list of it")
        }
    }

    private static func lists(of card: ThreadCard, _ names: [String]) -> [String] {
        [list(of: .everybody), list(of: .owner(card.user))] + names.map { list(of: .member($0)) }
    }

    private static func memberNames(of thread: ThreadID, in database: Database) throws -> [String] {
        let statement = try RawStatement(
            "SELECT name FROM state WHERE tenant = ? AND kind = ? AND thread = ?", in: database)
        defer { statement.reset() }
        statement.bind(tenant.rawValue, at: 1)
        statement.bind(StoredValue.Kind.member.rawValue, at: 2)
        statement.bind(thread.rawValue, at: 3)
        var names: [String] = []
        while try statement.step() { names.append(statement.text(0)) }
        return names
    }

    private static func insert(_ place: CardPlace, into list: String, in database: Database) throws {
        let statement = try RawStatement(
            "INSERT OR IGNORE INTO listed (tenant, reader, activity, thread) VALUES (?, ?, ?, ?)", in: database)
        bind(place, in: list, to: statement)
        try statement.run()
    }

    private static func remove(_ place: CardPlace, from list: String, in database: Database) throws {
        let statement = try RawStatement(
            "DELETE FROM listed WHERE tenant = ? AND reader = ? AND activity = ? AND thread = ?", in: database)
        bind(place, in: list, to: statement)
        try statement.run()
    }

    private static func bind(_ place: CardPlace, in list: String, to statement: RawStatement) {
        statement.bind(tenant.rawValue, at: 1)
        statement.bind(list, at: 2)
        statement.bind(place.activity.milliseconds, at: 3)
        statement.bind(place.thread.rawValue, at: 4)
    }

    private static func bind(_ thread: ThreadID, to statement: RawStatement) {
        statement.bind(tenant.rawValue, at: 1)
        statement.bind(thread.rawValue, at: 2)
    }

    private static func checksum(_ card: ThreadCard) -> Int64 {
        RowChecksum.of(
            .card, [UInt64(bitPattern: card.activity.milliseconds)],
            [card.thread.rawValue, card.user.rawValue] + RowChecksum.texts(of: tenant), bytes: card.bytes)
    }

    private static func damaged(_ thread: ThreadID) -> EventLogError {
        LogConnection.corrupt("the card of the thread \(thread)")
    }
}
