import AgentEvents
import Testing

@Suite struct GivenEventsTests {
    private static func id(_ text: String) throws -> EventID { try #require(EventID(text)) }

    @Test(arguments: [
        ("4-10", true), ("4-9", true), ("2-1", true), ("5-9", false), ("5-10", false), ("3-10", false), ("4-11", true),
        ("6-12", true), ("6-13", true), ("4-12", false), ("6-11", false), ("6-14", false), ("4-13", false),
        ("7-13", false),
    ])
    func onlyEventsOfTheHistoryGivenAreIncluded(_ text: String, _ expected: Bool) throws {
        var given = GivenEvents(after: try Self.id("4-10"))
        given.insert(try Self.id("4-11"), from: 11)
        given.insert(try Self.id("6-13"), from: 12)
        #expect(given.last == EventID("6-13"))
        #expect(given.mayInclude(try Self.id(text)) == expected)
    }

    /// A reader that begins with the first event knows of nothing before.
    @Test func fromTheStartNothingIsBefore() throws {
        var given = GivenEvents(after: nil)
        #expect(given.last == nil)
        #expect(!given.mayInclude(try Self.id("4-1")))
        given.insert(try Self.id("4-9"), from: 7)
        for (text, expected) in [("4-7", true), ("4-9", true), ("4-6", false), ("3-7", false), ("3-6", false)] {
            #expect(given.mayInclude(try Self.id(text)) == expected, "\(text)")
        }
    }

    /// A reader that begins with the oldest event may know of those that were trimmed, before it is given anything, too.
    @Test(arguments: [false, true])
    func whatWasTrimmedMayBeKnown(isGiven: Bool) throws {
        var given = GivenEvents(beginningWith: try Self.id("4-7"))
        if isGiven { given.insert(try Self.id("4-8"), from: 7) }
        #expect(given.last == (isGiven ? EventID("4-8") : nil))
        for (text, expected) in [
            ("4-6", true), ("2-6", true), ("5-6", false), ("4-7", isGiven), ("4-8", isGiven), ("4-9", false),
            ("3-7", false),
        ] {
            #expect(given.mayInclude(try Self.id(text)) == expected, "\(text)")
        }
    }

    /// However often the generation changes, a bounded number of changes is remembered.
    @Test func manyGenerationsAreForgottenFromTheStart() {
        var given = GivenEvents(after: nil)
        for number in 1...1000 as ClosedRange<UInt64> {
            given.insert(EventID(generation: 2 * number, sequence: number), from: number)
        }
        #expect(given.mayInclude(EventID(generation: 1990, sequence: 995)))
        #expect(!given.mayInclude(EventID(generation: 1989, sequence: 995)))
        #expect(given.mayInclude(EventID(generation: 20, sequence: 10)))
        #expect(!given.mayInclude(EventID(generation: 2000, sequence: 10)))
    }
}
