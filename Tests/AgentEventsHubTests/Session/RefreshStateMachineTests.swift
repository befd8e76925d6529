import Testing

@testable import AgentEventsHub

/// What comes after a refresh waits for it.
struct RefreshStateMachineTests {
    @Test func messagesWaitForTheRefreshBeforeThemInTheirOrder() {
        var machine = RefreshStateMachine<Int>()
        let isTaken = machine.receive(1)
        #expect(isTaken)
        machine.begin()
        var isIdle = machine.isIdle
        #expect(!isIdle)
        for number in 2...4 {
            let isTaken = machine.receive(number)
            #expect(!isTaken)
        }
        let early = machine.next()
        #expect(early == nil)
        machine.authenticated()
        isIdle = machine.isIdle
        #expect(!isIdle)
        let second = machine.next()
        #expect(second == 2)
        // It was another refresh.
        machine.begin()
        let third = machine.next()
        #expect(third == nil)
        machine.authenticated()
        let rest = [machine.next(), machine.next(), machine.next()]
        #expect(rest == [3, 4, nil])
        isIdle = machine.isIdle
        #expect(isIdle)
        let isTakenAgain = machine.receive(5)
        #expect(isTakenAgain)
    }

    @Test func nothingWaitsAfterTheEnd() {
        var machine = RefreshStateMachine<Int>()
        machine.begin()
        _ = machine.receive(1)
        machine.end()
        let isIdle = machine.isIdle
        #expect(isIdle)
        let next = machine.next()
        #expect(next == nil)
    }
}
