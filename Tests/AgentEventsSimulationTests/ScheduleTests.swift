import Testing

@testable import AgentEventsSimulation

struct ScheduleTests {
    @Test(arguments: ChoiceKind.allCases)
    func everyChoiceIsReadAsItIsWritten(kind: ChoiceKind) {
        for choice in [Choice(kind), Choice(kind, 17, value: .max)] {
            #expect(Choice(choice.description) == choice)
        }
    }

    @Test(arguments: ["", "d", "d1", "d.1", "1.1", "d1.", "d-1.1", "d1.?", "z1.1", "d1.1.1", "d1.zzzzzzzz"])
    func whatIsNoChoiceIsRefused(text: String) {
        #expect(Choice(text) == nil)
    }

    @Test(arguments: [
        "", "1", "1:1x1x1x1x1x0x1x1", "?:1x1x1x1x1x0x1x1:", "1:1x1:", "1:0x1x1x1x1x0x1x1:", "1:1x1x1x1x1x0x1x1:d",
        "1:1x1x1x1x0x1x1:",
    ])
    func whatIsNoScheduleIsRefused(text: String) {
        #expect(Schedule(text) == nil)
    }

    @Test func theLettersOfTheKindsDiffer() {
        #expect(Set(ChoiceKind.allCases.map(\.letter)).count == ChoiceKind.allCases.count)
    }
}
