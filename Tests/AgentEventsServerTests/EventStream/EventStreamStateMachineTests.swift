import Testing

@testable import AgentEventsServer

/// The whole table of states and inputs.
struct EventStreamStateMachineTests {
    typealias Machine = EventStreamStateMachine

    enum State: CaseIterable, Sendable { case passing, waiting, opening, streaming, ended }

    private static func machine(in state: State) -> Machine {
        var machine = Machine()
        switch state {
        case .passing: break
        case .waiting:
            _ = machine.receivedHead(asksForStream: false)
            _ = machine.receivedHead(asksForStream: true)
        case .opening:
            _ = machine.receivedHead(asksForStream: true)
        case .streaming:
            _ = machine.receivedHead(asksForStream: true)
            _ = machine.opened()
        case .ended:
            _ = machine.ended()
        }
        return machine
    }

    @Test(arguments: State.allCases)
    func aRequestForAStreamIsTakenOnceAndNothingAfterIt(state: State) {
        var machine = Self.machine(in: state)
        #expect(machine.receivedHead(asksForStream: true) == (state == .passing ? .open : .drop))
        #expect(machine.isPassing == false)
    }

    @Test(arguments: State.allCases)
    func otherRequestsPassBeforeAndAreDroppedAfterwards(state: State) {
        var machine = Self.machine(in: state)
        let isPassing = state == .passing
        #expect(machine.receivedHead(asksForStream: false) == (isPassing ? .pass : .drop))
        #expect(machine.receivedRest() == (isPassing ? .pass : .drop))
        #expect(machine.isPassing == isPassing)
    }

    @Test func aStreamWaitsForTheAnswersBeforeIt() {
        var machine = Machine()
        #expect(machine.receivedHead(asksForStream: false) == .pass)
        #expect(machine.receivedHead(asksForStream: false) == .pass)
        #expect(machine.receivedHead(asksForStream: true) == .wait)
        #expect(machine.answered() == false)
        #expect(machine.answered() == true)
        #expect(machine.opened() == true)
        #expect(machine.isStreaming)
    }

    @Test func answersOfOthersOpenNothing() {
        var machine = Machine()
        #expect(machine.receivedHead(asksForStream: false) == .pass)
        #expect(machine.answered() == false)
        #expect(machine.receivedHead(asksForStream: true) == .open)
    }

    @Test func anAnswerAfterTheClientHasGoneOpensNothing() {
        var machine = Self.machine(in: .waiting)
        _ = machine.ended()
        #expect(machine.answered() == false)
        #expect(machine.opened() == false)
    }

    @Test(arguments: State.allCases)
    func whatWasLookedUpBeginsOnlyForAClientThatIsThere(state: State) {
        var machine = Self.machine(in: state)
        #expect(machine.opened() == (state == .opening))
        #expect(machine.isStreaming == (state == .opening || state == .streaming))
    }

    @Test(arguments: State.allCases)
    func theEndComesOnce(state: State) {
        var machine = Self.machine(in: state)
        #expect(machine.ended() == (state != .ended))
        #expect(machine.ended() == false)
        #expect(machine.isStreaming == false)
    }

    @Test(arguments: [State.waiting, .opening, .streaming, .ended])
    func aClientThatDoesNotStopIsClosed(state: State) {
        var machine = Self.machine(in: state)
        for _ in 0..<Machine.maximumDroppedCount { #expect(machine.receivedRest() == .drop) }
        #expect(machine.receivedRest() == .close)
        #expect(machine.receivedHead(asksForStream: true) == .close)
    }
}
