import AgentEventsHub
import Testing

struct HubStateMachineTests {
    private typealias Machine = HubStateMachine

    /// Inputs, and the actions that each brings.
    private struct Walk: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var steps: [(Machine.Input, [Machine.Action])]
    }

    private static let walks: [Walk] = [
        Walk(
            testDescription: "a graceful shutdown",
            steps: [
                (.shutdownRequested, [.beginDrain]), (.emittersDone, []), (.ended(.agents), [.endRuns]),
                (.runsEnded, [.closeConnections]), (.agentsDeadlinePassed, []), (.ended(.server), [.stopRuntime]),
                (.ended(.runtime), [.finish]),
                (.deadlinePassed, []), (.cancelled, []),
            ]),
        Walk(
            testDescription: "agents that do not end in time",
            steps: [
                (.shutdownRequested, [.beginDrain]), (.agentsDeadlinePassed, [.endRuns]), (.ended(.agents), []),
                (.runsEnded, [.closeConnections]), (.ended(.server), [.stopRuntime]), (.ended(.runtime), [.finish]),
            ]),
        Walk(
            testDescription: "programs outside that are in the middle of a run",
            steps: [
                (.shutdownRequested, [.beginDrain]), (.ended(.agents), []), (.emittersDone, [.endRuns]),
                (.emittersDone, []), (.runsEnded, [.closeConnections]), (.ended(.server), [.stopRuntime]),
                (.ended(.runtime), [.finish]),
            ]),
        Walk(
            testDescription: "programs outside that are not done in time",
            steps: [
                (.shutdownRequested, [.beginDrain]), (.ended(.agents), []), (.agentsDeadlinePassed, [.endRuns]),
                (.emittersDone, []), (.runsEnded, [.closeConnections]), (.ended(.server), [.stopRuntime]),
                (.ended(.runtime), [.finish]),
            ]),
        Walk(
            testDescription: "agents that ignore their cancellation",
            steps: [
                (.shutdownRequested, [.beginDrain]), (.agentsDeadlinePassed, [.endRuns]),
                (.runsEnded, [.closeConnections]), (.ended(.server), [.stopRuntime]), (.ended(.runtime), []),
                (.deadlinePassed, [.cancelParts, .reportUnresponsiveAgents]), (.ended(.agents), [.finish]),
            ]),
        Walk(
            testDescription: "agents and connections that ignore everything",
            steps: [
                (.shutdownRequested, [.beginDrain]), (.agentsDeadlinePassed, [.endRuns]),
                (.deadlinePassed, [.cancelParts]), (.runsEnded, []), (.ended(.server), []),
                (.ended(.runtime), [.reportUnresponsiveAgents]), (.deadlinePassed, []), (.ended(.agents), [.finish]),
            ]),
        Walk(
            testDescription: "connections that do not close in time",
            steps: [
                (.shutdownRequested, [.beginDrain]), (.ended(.agents), []), (.emittersDone, [.endRuns]),
                (.runsEnded, [.closeConnections]), (.deadlinePassed, [.cancelParts]), (.ended(.runtime), []),
                (.ended(.server), [.finish]),
            ]),
        Walk(
            testDescription: "a log that fails, or a runtime that is stopped from outside",
            steps: [
                (.ended(.runtime), [.beginDrain, .cancelAgents, .closeConnections]), (.ended(.agents), []),
                (.ended(.server), [.finish]),
            ]),
        Walk(
            testDescription: "a log that fails, and connections that do not close in time",
            steps: [
                (.ended(.runtime), [.beginDrain, .cancelAgents, .closeConnections]), (.agentsDeadlinePassed, []),
                (.deadlinePassed, [.cancelParts]), (.ended(.agents), []), (.ended(.server), [.finish]),
            ]),
        Walk(
            testDescription: "the service's task is cancelled",
            steps: [
                (.cancelled, [.beginDrain, .cancelParts]), (.ended(.agents), []),
                (.ended(.server), []), (.ended(.runtime), [.finish]),
            ]),
        Walk(
            testDescription: "a second request to stop, and a cancellation",
            steps: [
                (.shutdownRequested, [.beginDrain]), (.shutdownRequested, []),
                (.cancelled, [.cancelParts]), (.ended(.agents), []), (.ended(.server), []),
                (.ended(.runtime), [.finish]),
            ]),
        Walk(
            testDescription: "a server that ends first",
            steps: [
                (.shutdownRequested, [.beginDrain]), (.ended(.server), []), (.ended(.agents), []),
                (.emittersDone, [.endRuns]),
                (.runsEnded, [.closeConnections, .stopRuntime]), (.ended(.runtime), [.finish]),
            ]),
    ]

    @Test(arguments: walks)
    private func theServiceStopsInOrder(_ walk: Walk) {
        var machine = Machine()
        for (input, actions) in walk.steps {
            #expect(machine.receive(input) == actions, "\(input)")
        }
    }

    @Test func everyOrderOfEndsFinishesOnce() {
        let inputs: [Machine.Input] = [.ended(.runtime), .ended(.agents), .ended(.server)]
        for first in inputs {
            for second in inputs where second != first {
                for third in inputs where third != first && third != second {
                    for isRequested in [true, false] {
                        var machine = Machine()
                        var actions: [Machine.Action] = isRequested ? machine.receive(.shutdownRequested) : []
                        for input in [first, second, third] { actions += machine.receive(input) }
                        #expect(actions.last == .finish)
                        #expect(actions.count { $0 == .finish } == 1)
                    }
                }
            }
        }
    }
}
