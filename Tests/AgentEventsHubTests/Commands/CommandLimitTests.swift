import AgentEvents
import AgentEventsProtocol
import Testing

@testable import AgentEventsHub

struct CommandLimitTests {
    @Test func soManyCommandsASecondAreTaken() {
        var limit = CommandLimit(maximumCount: 3)
        let times: [Int64] = [1000, 1000, 1500, 1999, 2000, 2500, 2600, 2601]
        let refusals = times.map { limit.record(at: $0, in: "t_1") }
        #expect(refusals.map { $0 == nil } == [true, true, true, false, true, true, true, false])
        #expect(refusals[3]?.code == .tooManyCommands)
        #expect(refusals[3]?.isRetryable == true)
        #expect(refusals[3]?.retryAfterMilliseconds == 1)
        #expect(refusals[7]?.retryAfterMilliseconds == 399)
    }
}
