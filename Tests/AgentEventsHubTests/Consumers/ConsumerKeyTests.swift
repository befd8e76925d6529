import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import Testing

@Suite struct ConsumerKeyTests {
    /// A slash may be in either id.
    @Test func eachUserAndConsumerHasAPlaceOfItsOwn() {
        let keys = [("a/b", "c"), ("a", "b/c"), ("a", "b"), ("a/b", "a/b"), ("a/b/a", "b")].map {
            ConsumerKey(thread: "t", user: UserID(stringLiteral: $0), consumer: ConsumerName(stringLiteral: $1))
        }
        #expect(Set(keys.map(\.name)).count == keys.count)
    }

    /// What was stored before a slash could be in an id is found.
    @Test func idsWithoutASlashHaveTheNameTheyHad() {
        #expect(ConsumerKey(thread: "t", user: "u_1", consumer: "phone").name == "u_1/phone")
    }

    @Test func theLongestNamesCanBeStored() throws {
        let longest = String(repeating: "x", count: IdentifierText.maximumByteCount)
        let key = ConsumerKey(thread: "t", user: try UserID(longest), consumer: try ConsumerName(longest))
        try StoredValue(.consumer, thread: "t", name: key.name, bytes: []).checkLimits()
    }
}
