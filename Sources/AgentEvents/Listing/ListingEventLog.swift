/// A log that keeps a card of each thread, and lists the cards by the time at which something last happened.
///
/// A card is what a list shows of a thread: the log keeps its bytes and does not look into them. It is made by a reader that
/// follows the log (an `AgentEventsHub`), and saved with the offset up to which that reader has come; after a restart the
/// reader continues there. So a card may be older than the last event of its thread, and is never newer than what the log
/// keeps: a log that may lose its last events has those on the disk, of which it is told, before it saves a card.
///
/// A card is listed for the user whose thread it is, and under the name of each ``StoredValue/Kind/member`` of the thread,
/// from the moment at which that value is saved until it is removed.
///
/// The cost of a page of cards grows with its length, with the number of readers asked for, and with the logarithm of the number
/// of threads; not with the threads of others.
///
/// The methods are called from any task after the log was opened, also while it appends; ``saveCards(_:through:)`` by one task
/// at a time. Every such log passes `ListingLogConformance` in `AgentEventsTesting`.
public protocol ListingEventLog: EventLog, StateStore {
    /// The end of what is committed, and the place up to which cards were saved.
    func listing() async throws(EventLogError) -> ListingPosition

    /// The cards of some threads. A thread without one is left out.
    func cards(of threads: [ThreadID]) async throws(EventLogError) -> [ThreadCard]

    /// Saves cards, all or none, with the place up to which they tell of the log. A card replaces the one that its thread
    /// had. One of a thread that was deleted is dropped in silence.
    ///
    /// - Parameter offset: an offset of ``LogRead/Selection/all(afterOffset:)``; not lower than the last one.
    func saveCards(_ cards: [ThreadCard], through offset: UInt64) async throws(EventLogError)

    /// The cards that are listed for one of the readers, each once, those of the latest activity first. Of two with the same
    /// time, the one whose id is greater by its bytes comes first.
    ///
    /// - Throws: ``EventLogError`` `log.too_large` for a prefix with which more than ``CardReader/maximumPrefixCount`` threads
    ///   begin: these are not in the order of their activity anywhere.
    func list(_ query: CardQuery) async throws(EventLogError) -> [ThreadCard]
}

/// The places in a log between which its list of threads has still to be brought up to date.
public struct ListingPosition: Hashable, Sendable {
    /// The offset up to which cards tell of the log; 0 before any.
    public var savedThrough: UInt64
    /// The offset after everything that is committed.
    public var end: UInt64

    public init(savedThrough: UInt64, end: UInt64) {
        self.savedThrough = savedThrough
        self.end = end
    }
}

/// The card of a thread in a list.
public struct ThreadCard: Hashable, Sendable {
    /// The most bytes of a card: 64 KiB.
    public static let maximumByteCount = 64 * 1024

    public var thread: ThreadID
    /// The user whose thread it is.
    public var user: UserID
    /// When something last happened in the thread.
    public var activity: Timestamp
    /// The content of the card, as the runtime has encoded it. The log stores it unread.
    public var bytes: [UInt8]

    public init(thread: ThreadID, user: UserID, activity: Timestamp, bytes: [UInt8]) {
        self.thread = thread
        self.user = user
        self.activity = activity
        self.bytes = bytes
    }

    /// The place of the card in a list.
    public var place: CardPlace { CardPlace(activity: activity, thread: thread) }

    /// For logs: whether the card may be saved.
    ///
    /// - Throws: ``EventLogError`` `log.too_large`.
    public func checkLimits() throws(EventLogError) {
        guard bytes.count <= Self.maximumByteCount else {
            throw EventLogError(
                .tooLarge, "a card has at most \(Self.maximumByteCount) bytes, that of \(thread) has \(bytes.count)")
        }
    }
}

/// The place of a card in a list. Places rise with the time, and at one time with the bytes of the thread's id; a list begins
/// with the highest.
public struct CardPlace: Hashable, Sendable, Comparable {
    public var activity: Timestamp
    public var thread: ThreadID

    public init(activity: Timestamp, thread: ThreadID) {
        self.activity = activity
        self.thread = thread
    }

    public static func < (one: CardPlace, other: CardPlace) -> Bool {
        guard one.activity == other.activity else { return one.activity < other.activity }
        return one.thread.rawValue.utf8.lexicographicallyPrecedes(other.thread.rawValue.utf8)
    }
}

/// Those for whom cards are listed.
@nonexhaustive
public enum CardReader: Hashable, Sendable {
    /// The number of threads that may begin with a prefix at most.
    public static let maximumPrefixCount = 1000

    /// All cards.
    case everybody
    /// The cards of a user's threads.
    case owner(UserID)
    /// The cards of threads with a ``StoredValue/Kind/member`` of this name.
    case member(String)
    /// The card of a thread.
    case thread(ThreadID)
    /// The cards of threads whose ids begin with this text.
    case prefix(String)
}

/// A question for cards.
public struct CardQuery: Hashable, Sendable {
    /// A card that is listed for one of them is wanted.
    public var readers: [CardReader]
    /// Only cards below it are wanted; `nil` for all.
    public var before: CardPlace?
    /// The largest number of cards.
    public var maximumCount: Int

    public init(readers: [CardReader], before: CardPlace? = nil, maximumCount: Int) {
        self.readers = readers
        self.before = before
        self.maximumCount = maximumCount
    }
}

extension CardQuery {
    /// For logs: whether a place is below where the wanted ones begin.
    package func includes(_ place: CardPlace) -> Bool { before.map { place < $0 } ?? true }

    /// For logs: the first cards of a list, of the places that each reader was given.
    ///
    /// - Parameter places: of the readers, in any order.
    package func first(of places: [[CardPlace]]) -> [CardPlace] {
        Array(Set(places.joined()).sorted(by: >).prefix(maximumCount))
    }

    package static func tooMany(_ prefix: String) -> EventLogError {
        EventLogError(
            .tooLarge,
            "more than \(CardReader.maximumPrefixCount) threads begin with \(prefix), and are in no order: name fewer")
    }
}
