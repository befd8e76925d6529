import AgentEvents
import Synchronization
import Testing

@testable import AgentEventsHub

struct ListWatchersTests {
    private final class Told: Sendable {
        private let names = Mutex<[String]>([])
        var all: [String] { names.withLock { $0.sorted() } }
        func note(_ name: String) { names.withLock { $0.append(name) } }
        func take() -> [String] {
            names.withLock { names in
                defer { names = [] }
                return names.sorted()
            }
        }
    }

    private let told = Told()

    private func add(_ name: String, _ readers: [CardReader], to watchers: inout ListWatchers) -> ListWatchers.Name {
        watchers.add(readers) { [told] in told.note(name) }
    }

    private func change(
        _ thread: ThreadID,
        of user: UserID,
        members: [String] = [],
        _ watchers: inout ListWatchers
    ) -> [String] {
        for tell in watchers.changed(ThreadOwner(thread: thread, user: user), members: members) { tell() }
        return told.take()
    }

    private func arms(_ name: ListWatchers.Name, _ expected: Bool, _ watchers: inout ListWatchers) {
        let hasMore = watchers.arm(name)
        #expect(hasMore == expected)
    }

    private func expect(_ told: [String], _ expected: [String]) { #expect(told == expected) }

    @Test func thoseAreToldForWhomAThreadIsListed() {
        var watchers = ListWatchers()
        var names: [ListWatchers.Name] = []
        names.append(add("all", [.everybody], to: &watchers))
        names.append(add("owner", [.owner("u_1"), .member("u_1")], to: &watchers))
        names.append(add("other", [.owner("u_2"), .member("u_2")], to: &watchers))
        names.append(add("one", [.thread("a-1")], to: &watchers))
        names.append(add("prefix", [.prefix("a-"), .prefix("b"), .owner("u_3")], to: &watchers))
        let table: [(ThreadID, UserID, [String], [String])] = [
            ("a-1", "u_1", [], ["all", "one", "owner", "prefix"]), ("x", "u_1", [], ["all", "owner"]),
            ("x", "u_2", ["u_1"], ["all", "other", "owner"]), ("b", "u_4", ["u_5"], ["all", "prefix"]),
            ("a", "u_4", [], ["all"]), ("a-", "u_3", [], ["all", "prefix"]), ("a-10", "u_4", [], ["all", "prefix"]),
        ]
        for (thread, user, members, expected) in table {
            expect(change(thread, of: user, members: members, &watchers), expected)
            for name in names { arms(name, false, &watchers) }
        }
        #expect(watchers.wantsMembers)
        for name in names { watchers.remove(name) }
        #expect(watchers.isEmpty && !watchers.wantsMembers)
        expect(change("a-1", of: "u_1", members: ["u_2"], &watchers), [])
    }

    /// Until it has looked, one that was told is not told again; and nothing is forgotten meanwhile.
    @Test func aChangeIsToldOnce() {
        var watchers = ListWatchers()
        let name = add("a", [.owner("u_1"), .thread("t_1")], to: &watchers)
        expect(change("t_1", of: "u_1", &watchers), ["a"])
        arms(name, false, &watchers)
        expect(change("t_1", of: "u_1", &watchers), ["a"])
        for _ in 0..<5 { expect(change("t_1", of: "u_1", &watchers), []) }
        arms(name, true, &watchers)
        expect(change("t_2", of: "u_1", &watchers), [])
        arms(name, true, &watchers)
        arms(name, false, &watchers)
        expect(change("t_2", of: "u_1", &watchers), ["a"])
        for tell in watchers.allChanged() { tell() }
        #expect(told.take() == [])
        arms(name, true, &watchers)
    }

    @Test func thePrefixOfAnotherStays() {
        var watchers = ListWatchers()
        let one = add("one", [.prefix("a")], to: &watchers)
        _ = add("other", [.prefix("a")], to: &watchers)
        watchers.remove(one)
        watchers.remove(one)
        expect(change("ab", of: "u_1", &watchers), ["other"])
        arms(one, false, &watchers)
    }
}
