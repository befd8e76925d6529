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

    /// - Returns: whether the message is parsed at once.
    private static func receive(_ message: String, isLarge: Bool, _ machine: inout Machine) -> Bool {
        machine.receive(message, isLarge: isLarge)
    }

    @Test func smallMessagesAreParsedAtOnce() {
        var machine = Machine()
        #expect(Self.receive("a", isLarge: false, &machine))
        #expect(Self.receive("b", isLarge: false, &machine))
        #expect(machine.isIdle && Self.actions(of: &machine) == [])
    }

    @Test func whatComesAfterALargeMessageWaitsForIt() {
        var machine = Machine()
        #expect(!Self.receive("a", isLarge: true, &machine))
        #expect(!Self.receive("b", isLarge: false, &machine))
        #expect(!Self.receive("c", isLarge: true, &machine))
        #expect(!Self.receive("d", isLarge: false, &machine))
        #expect(Self.actions(of: &machine) == ["(a)"])
        #expect(!machine.isIdle)
        machine.parsedElsewhere()
        // While others wait it is not idle, or the connection would close before they are answered.
        #expect(!machine.isIdle)
        #expect(Self.actions(of: &machine) == ["b", "(c)"])
        #expect(!Self.receive("e", isLarge: false, &machine))
        #expect(Self.actions(of: &machine) == [])
        machine.parsedElsewhere()
        #expect(Self.actions(of: &machine) == ["d", "e"])
        #expect(machine.isIdle)
    }

    @Test func atTheEndNothingWaits() {
        var machine = Machine()
        #expect(!Self.receive("a", isLarge: true, &machine))
        #expect(!Self.receive("b", isLarge: false, &machine))
        #expect(Self.actions(of: &machine) == ["(a)"])
        machine.end()
        #expect(machine.isIdle && Self.actions(of: &machine) == [])
    }
}
