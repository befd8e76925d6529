import Testing

@testable import AgentEventsHub

struct ParsingStateMachineTests {
    private typealias Machine = ParsingStateMachine<String>

    /// What is to be done, until nothing is for now.
    private static func actions(of machine: inout Machine) -> [String] {
        var words: [String] = []
        while true {
            switch machine.next() {
            case .none: return words
            case .parse(let message): words.append(message)
            case .parseElsewhere(let message): words.append("(\(message))")
            }
        }
    }

    @Test func smallMessagesAreParsedAtOnce() {
        var machine = Machine()
        #expect(machine.receive("a", isLarge: false))
        #expect(machine.receive("b", isLarge: false))
        #expect(machine.isIdle && Self.actions(of: &machine) == [])
    }

    @Test func whatComesAfterALargeMessageWaitsForIt() {
        var machine = Machine()
        #expect(!machine.receive("a", isLarge: true))
        #expect(!machine.receive("b", isLarge: false))
        #expect(!machine.receive("c", isLarge: true))
        #expect(!machine.receive("d", isLarge: false))
        #expect(Self.actions(of: &machine) == ["(a)"])
        #expect(!machine.isIdle)
        machine.parsedElsewhere()
        // While others wait it is not idle, or the connection would close before they are answered.
        #expect(!machine.isIdle)
        #expect(Self.actions(of: &machine) == ["b", "(c)"])
        #expect(!machine.receive("e", isLarge: false))
        #expect(Self.actions(of: &machine) == [])
        machine.parsedElsewhere()
        #expect(Self.actions(of: &machine) == ["d", "e"])
        #expect(machine.isIdle)
    }

    @Test func atTheEndNothingWaits() {
        var machine = Machine()
        #expect(!machine.receive("a", isLarge: true))
        #expect(!machine.receive("b", isLarge: false))
        #expect(Self.actions(of: &machine) == ["(a)"])
        machine.end()
        #expect(machine.isIdle && Self.actions(of: &machine) == [])
    }
}
