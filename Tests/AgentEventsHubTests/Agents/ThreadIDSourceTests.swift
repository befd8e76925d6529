import AgentEvents
import AgentEventsTesting
import Testing

@testable import AgentEventsHub

/// SEC-35: ids of threads that nobody guesses, and that a repetition finds again.
struct ThreadIDSourceTests {
    private static func opened() async throws -> InMemoryEventLog {
        let log = InMemoryEventLog(generations: .counting)
        _ = try await log.open()
        return log
    }

    @Test func anIDHas128RandomBits() {
        let source = ThreadIDSource(store: nil, environment: .system)
        let ids = (0..<1000).map { _ in source.next().rawValue }
        #expect(Set(ids).count == 1000)
        for id in ids { #expect(id.wholeMatch(of: /t_[0-9a-f]{32}/) != nil) }
        // Each of the digits takes each value.
        for place in 2..<34 {
            let digits = Set(ids.map { Array($0.utf8)[place] })
            #expect(digits.count == 16)
        }
    }

    @Test func aKeyHasOneIDForItsAuthorAlsoInTheNextProcess() async throws {
        let log = try await Self.opened()
        let one = ThreadIDSource(store: log, environment: .system)
        let id = try await one.id(for: "k_1", of: "u_1")
        #expect(try await one.id(for: "k_1", of: "u_1") == id)
        #expect(try await one.id(for: "k_2", of: "u_1") != id)
        #expect(try await one.id(for: "k_1", of: "u_2") != id)
        #expect(try await ThreadIDSource(store: log, environment: .system).id(for: "k_1", of: "u_1") == id)
        // It is not made from what others know.
        let other = try await Self.opened()
        #expect(try await ThreadIDSource(store: other, environment: .system).id(for: "k_1", of: "u_1") != id)
    }

    @Test func requestsAtTheSameTimeAgreeOnTheSecret() async throws {
        let log = try await Self.opened()
        let source = ThreadIDSource(store: log, environment: .system)
        let ids = try await withThrowingTaskGroup(of: ThreadID.self) { group in
            for _ in 0..<64 { group.addTask { try await source.id(for: "k_1", of: "u_1") } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        let next = ThreadIDSource(store: log, environment: .system)
        #expect(try await ids.contains(next.id(for: "k_1", of: "u_1")))
    }

    @Test func withoutAStoreTheSecretIsTheProcesss() async throws {
        let source = ThreadIDSource(store: nil, environment: .system)
        let id = try await source.id(for: "k_1", of: "u_1")
        #expect(try await source.id(for: "k_1", of: "u_1") == id)
        #expect(try await ThreadIDSource(store: nil, environment: .system).id(for: "k_1", of: "u_1") != id)
    }

    @Test func nothingIsMadeFromASecretThatCannotBeStored() async throws {
        let closed = InMemoryEventLog(generations: .counting)
        let source = ThreadIDSource(store: closed, environment: .system)
        await #expect(throws: EventLogError.self) { try await source.id(for: "k_1", of: "u_1") }
    }
}
