import AgentEvents
import Testing
import agent_events

@Suite struct ReplayPaceTests {
    @Test(
        arguments: [
            (1.0, [nil, .milliseconds(100), .milliseconds(1000)]),
            (2.0, [nil, .milliseconds(50), .milliseconds(500)]),
            (0.5, [nil, .milliseconds(200), .milliseconds(2000)]),
            (0.0, [nil, nil, nil]),
        ] as [(Double, [Duration?])])
    func eventsAreDueByTheirTimes(speed: Double, due: [Duration?]) {
        var pace = ReplayPace(speed: speed)
        let found = [5000, 5100, 6000].map { pace.due(Timestamp(milliseconds: $0)) }
        #expect(found == due)
    }
}
