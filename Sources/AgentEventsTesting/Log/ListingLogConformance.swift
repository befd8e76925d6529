public import AgentEvents
public import Testing

/// The contract of every log that lists threads, as checks for a test.
///
/// ```swift
/// @Test func conforms() async throws {
///     try await ListingLogConformance(make: { MyLog() }).run()
/// }
/// ```
///
/// Faults are reported as issues of the running test, at the place where the suite was made.
public struct ListingLogConformance: ConformanceSuite {
    /// Makes an empty log that is not open.
    public typealias Make = @Sendable () async throws -> any ListingEventLog
    /// Ends the use of a log and gives one that holds the same, not open.
    public typealias Reopen = @Sendable (any ListingEventLog) async throws -> any ListingEventLog

    static let subject = "A log that lists threads"
    private let make: Make
    private let reopen: Reopen?
    let sourceLocation: SourceLocation

    /// - Parameters:
    ///   - make: makes an empty log that is not open; called for each property.
    ///   - reopen: ends the use of a log and gives one that holds the same, not open; `nil` for a log that keeps nothing.
    public init(
        make: @escaping Make,
        reopen: Reopen? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        self.make = make
        self.reopen = reopen
        self.sourceLocation = sourceLocation
    }

    /// Checks all properties, one after the other.
    public func run() async throws {
        try await beginsWithoutCards()
        try await keepsCardsExactly()
        try await listsTheLatestFirst()
        try await givesPages()
        try await tellsReadersApart()
        try await listsForMembersFromTheirBeginningToTheirEnd()
        try await refusesPrefixesOfTooMany()
        try await refusesWhatIsTooLarge()
        try await forgetsDeletedThreads()
        try await keepsEverythingWhenReopened()
    }

    private func opened() async throws -> any ListingEventLog {
        let log = try await make()
        _ = try await open(log)
        return log
    }

    private func card(
        _ thread: ThreadID,
        _ time: Int64,
        user: UserID = "u_1",
        _ bytes: [UInt8] = [1]
    ) -> ThreadCard {
        ThreadCard(thread: thread, user: user, activity: Timestamp(milliseconds: time), bytes: bytes)
    }

    private func list(
        _ log: any ListingEventLog,
        _ readers: CardReader...,
        before: CardPlace? = nil,
        count: Int = 100
    ) async throws -> [ThreadID] {
        try await log.list(CardQuery(readers: readers, before: before, maximumCount: count)).map(\.thread)
    }

    private func expect(_ found: [ThreadID], _ expected: [ThreadID], _ what: String) {
        check(found == expected, "\(what): listed \(found), not \(expected)")
    }

    private func log(_ threads: [ThreadID], of user: UserID, _ log: any ListingEventLog, _ generation: UInt64)
        async throws
    {
        let entries = threads.map { thread in
            LogEntry(
                owner: ThreadOwner(thread: thread, user: user), id: EventID(generation: generation, sequence: 1),
                type: .custom, run: nil, bytes: [1, 2, 3])
        }
        try await append(LogCommit(entries: entries, time: Timestamp(milliseconds: 1)), to: log)
    }

    /// A new log has no cards, and is at its beginning.
    public func beginsWithoutCards() async throws {
        let log = try await make()
        let generation = try await open(log).generation
        let position = try await log.listing()
        check(position.savedThrough == 0, "of a new log nothing is told")
        expect(try await list(log, .everybody, .owner("u_1"), .prefix("t")), [], "a new log")
        check(try await log.cards(of: ["t_1"]).isEmpty, "a new log has no cards")
        try await self.log(["t_1"], of: "u_1", log, generation)
        let after = try await log.listing()
        check(after.end > position.end, "the end rises with each event")
        check(after.savedThrough == 0, "events are told of when a card is saved, not before")
        let page = try await log.read(LogRead(.all(afterOffset: after.end)))
        check(page.events.isEmpty, "the end is an offset after which there is no event")
    }

    /// Cards come back as they were saved last, with the place.
    public func keepsCardsExactly() async throws {
        let log = try await opened()
        let largest = (0..<ThreadCard.maximumByteCount).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) }
        for bytes in [[], [0], Array(0...255), largest] {
            let saved = card("t_1", -5, user: "u|9", bytes)
            try await log.saveCards([saved], through: UInt64(bytes.count))
            check(try await log.cards(of: ["t_1", "t_2"]) == [saved], "\(bytes.count) bytes came back as others")
            let listed = try await log.list(CardQuery(readers: [.everybody], maximumCount: 9))
            check(listed == [saved], "\(bytes.count) bytes were listed as others")
            check(try await log.listing().savedThrough == UInt64(bytes.count), "the place is the one that was saved")
        }
        try await log.saveCards([], through: 1 << 40)
        check(try await log.listing().savedThrough == 1 << 40, "a place is saved without a card as well")
    }

    /// The card with the latest activity comes first, whatever it was before; of two at one time, the greater id.
    public func listsTheLatestFirst() async throws {
        let log = try await opened()
        try await log.saveCards([card("t_2", 20), card("t_1", 10), card("t_10", 20), card("t_3", 30)], through: 1)
        expect(try await list(log, .everybody), ["t_3", "t_2", "t_10", "t_1"], "four cards")
        try await log.saveCards([card("t_1", 40), card("t_3", 5)], through: 2)
        expect(try await list(log, .everybody), ["t_1", "t_2", "t_10", "t_3"], "after two have changed")
        expect(try await list(log, .owner("u_1")), ["t_1", "t_2", "t_10", "t_3"], "of the user")
        // Twice in one call: the later counts.
        try await log.saveCards([card("t_2", 50), card("t_2", 60)], through: 3)
        expect(try await list(log, .everybody), ["t_2", "t_1", "t_10", "t_3"], "a card that was named twice")
    }

    /// Page after page gives each card once, whatever the length.
    public func givesPages() async throws {
        let log = try await opened()
        let cards = (0..<20).map { card(ThreadID(stringLiteral: "t_\($0)"), Int64($0 / 4)) }
        try await log.saveCards(cards, through: 1)
        let all = try await list(log, .everybody)
        check(all.count == 20, "all are listed")
        for count in [1, 3, 19, 20, 21] {
            for reader in [CardReader.everybody, .owner("u_1"), .prefix("t_")] {
                var found: [ThreadID] = []
                var before: CardPlace?
                while true {
                    let page = try await log.list(CardQuery(readers: [reader], before: before, maximumCount: count))
                    check(page.count <= count, "a page has at most \(count) cards")
                    guard let last = page.last, found.count <= all.count else { break }
                    found += page.map(\.thread)
                    before = last.place
                }
                expect(found, all, "pages of \(count) for \(reader)")
            }
        }
    }

    /// Each reader is listed its own, and several together each card once.
    public func tellsReadersApart() async throws {
        let log = try await opened()
        try await log.saveCards(
            [card("a-1", 1), card("a-2", 2, user: "u_2"), card("b-1", 3, user: "u_10"), card("a", 4, user: "o:u_1")],
            through: 1)
        expect(try await list(log, .owner("u_1")), ["a-1"], "of one user")
        expect(try await list(log, .owner("u_10")), ["b-1"], "of one user")
        expect(try await list(log, .owner("o:u_1")), ["a"], "of a user whose id looks like the name of a list")
        expect(try await list(log, .owner("u_")), [], "of nobody")
        expect(try await list(log, .prefix("a-")), ["a-2", "a-1"], "with a prefix")
        expect(try await list(log, .thread("a-1"), .thread("c")), ["a-1"], "of one id")
        expect(try await list(log, .member("u_1")), [], "for no member")
        let several = try await list(log, .owner("u_1"), .prefix("a"), .thread("b-1"), .owner("u_1"))
        expect(several, ["a", "b-1", "a-2", "a-1"], "for several")
        expect(try await list(log, .owner("u_1"), .prefix("a"), count: 2), ["a", "a-2"], "two, for several")
        let place = CardPlace(activity: Timestamp(milliseconds: 2), thread: "a-2")
        expect(try await list(log, .thread("b-1"), .prefix("a"), before: place), ["a-1"], "below a place")
        expect(try await list(log), [], "for no reader")
    }

    /// A member's list has the card as long as the member is stored, whichever of the two was saved first.
    public func listsForMembersFromTheirBeginningToTheirEnd() async throws {
        let log = try await opened()
        let before = StoredValue(.member, thread: "t_1", name: "u_2", bytes: [1])
        try await log.save([before, StoredValue(.consumer, thread: "t_1", name: "u_3", bytes: [1])])
        expect(try await list(log, .member("u_2")), [], "a thread without a card")
        try await log.saveCards([card("t_1", 1), card("t_2", 2)], through: 1)
        expect(try await list(log, .member("u_2")), ["t_1"], "a member from before the card")
        expect(try await list(log, .member("u_3")), [], "another value than a member")
        try await log.save([StoredValue(.member, thread: "t_2", name: "u_2", bytes: [1]), before])
        expect(try await list(log, .member("u_2")), ["t_2", "t_1"], "a member since the card")
        expect(try await list(log, .member("u_2"), .owner("u_1")), ["t_2", "t_1"], "a member with the owner")
        try await log.saveCards([card("t_1", 3)], through: 2)
        expect(try await list(log, .member("u_2")), ["t_1", "t_2"], "after the card has changed")
        try await log.save([StoredValue(.member, thread: "t_1", name: "u_2", bytes: nil)])
        expect(try await list(log, .member("u_2")), ["t_2"], "after the member was removed")
        try await log.saveCards([card("t_1", 4)], through: 3)
        expect(try await list(log, .member("u_2")), ["t_2"], "after the next change")
        expect(try await list(log, .owner("u_1")), ["t_1", "t_2"], "of the user, as before")
    }

    /// A prefix of more threads than can be put in order is refused, and one of as many is not.
    public func refusesPrefixesOfTooMany() async throws {
        let log = try await opened()
        let cards = (0..<CardReader.maximumPrefixCount).map { card(ThreadID(stringLiteral: "p-\($0)"), Int64($0)) }
        try await log.saveCards(cards, through: 1)
        check(try await list(log, .prefix("p-"), count: 2) == ["p-999", "p-998"], "as many as may be are in order")
        try await log.saveCards([card("p-x", 1)], through: 2)
        do throws(EventLogError) {
            _ = try await log.list(CardQuery(readers: [.prefix("p-")], maximumCount: 2))
            check(false, "a prefix of too many threads is refused")
        } catch {
            check(error.code == .tooLarge, "a prefix of too many threads is refused with log.too_large")
        }
        check(try await list(log, .everybody, count: 1) == ["p-999"], "other lists have no such limit")
    }

    /// A card above the limit is refused, and nothing that was to be saved with it is.
    public func refusesWhatIsTooLarge() async throws {
        let log = try await opened()
        let tooLarge = card("t_2", 1, Array(repeating: 0, count: ThreadCard.maximumByteCount + 1))
        do throws(EventLogError) {
            try await log.saveCards([card("t_1", 1), tooLarge], through: 7)
            check(false, "a card that is too large is refused")
        } catch {
            check(error.code == .tooLarge, "a card that is too large is refused with log.too_large")
        }
        expect(try await list(log, .everybody), [], "after a refusal")
        check(try await log.listing().savedThrough == 0, "a refusal changes no place")
    }

    /// The card of a deleted thread is in no list, and cannot be saved again.
    public func forgetsDeletedThreads() async throws {
        let log = try await make()
        let generation = try await open(log).generation
        guard let deleting = log as? any DeletingEventLog else { return }
        try await self.log(["t_1", "t_2"], of: "u_1", log, generation)
        try await log.save([StoredValue(.member, thread: "t_1", name: "u_2", bytes: [1])])
        try await log.saveCards([card("t_1", 1), card("t_2", 2)], through: 1)
        try await deleting.delete(["t_1"], at: Timestamp(milliseconds: 5))
        for when in ["after the deletion", "after it was saved again"] {
            expect(try await list(log, .everybody), ["t_2"], when)
            expect(try await list(log, .owner("u_1"), .prefix("t"), .thread("t_1")), ["t_2"], when)
            expect(try await list(log, .member("u_2")), [], when)
            check(try await log.cards(of: ["t_1"]).isEmpty, "a deleted thread has no card \(when)")
            try await log.saveCards([card("t_1", 3)], through: 2)
        }
    }

    /// Cards, lists and the place are there after the log was opened again.
    public func keepsEverythingWhenReopened() async throws {
        guard let reopen else { return }
        let log = try await opened()
        try await log.save([StoredValue(.member, thread: "t_1", name: "u_2", bytes: [1])])
        let cards = [card("t_2", 2, user: "u_2", [7]), card("t_1", 1)]
        try await log.saveCards(cards, through: 9)
        let again = try await reopen(log)
        _ = try await open(again)
        check(
            try await again.list(CardQuery(readers: [.owner("u_2"), .member("u_2")], maximumCount: 9)) == cards,
            "cards are kept")
        check(try await again.listing().savedThrough == 9, "the place is kept")
    }
}
