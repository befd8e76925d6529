import AgentEvents
import Testing

@testable import AgentEventsModels

/// The steps of an agent, by tables.
@Suite struct AgentLoopStateMachineTests {
    private enum Input: Hashable {
        case begin
        case input(Int)
        case turn(calls: Int, tokens: Int64 = 10)
        case call
    }

    private typealias Action = AgentLoopStateMachine.Action

    private static func actions(
        _ inputs: [Input],
        limits: AgentLimits = AgentLimits(),
        steps: Int = 0,
        tokens: Int64 = 0
    ) -> [Action] {
        var machine = AgentLoopStateMachine(limits: limits, steps: steps, tokens: tokens)
        return inputs.map { input in
            switch input {
            case .begin: machine.begin()
            case .input(let count): machine.inputTaken(count)
            case .turn(let calls, let tokens): machine.turnEnded(calls: calls, tokens: tokens)
            case .call: machine.callEnded()
            }
        }
    }

    private static let tables: [[(Input, Action)]] = [
        [(.begin, .takeInput), (.input(0), .request), (.turn(calls: 0), .takeInput), (.input(0), .finish)],
        // What came while it answered is answered, too.
        [
            (.begin, .takeInput), (.input(2), .request), (.turn(calls: 0), .takeInput), (.input(1), .request),
            (.turn(calls: 0), .takeInput), (.input(0), .finish),
        ],
        [
            (.begin, .takeInput), (.input(0), .request), (.turn(calls: 3), .execute), (.call, .wait), (.call, .wait),
            (.call, .takeInput), (.input(0), .request), (.turn(calls: 1), .execute), (.call, .takeInput),
            (.input(4), .request), (.turn(calls: 0), .takeInput), (.input(0), .finish),
        ],
    ]

    @Test(arguments: tables.indices) func eachInputHasItsAction(_ number: Int) {
        let table = Self.tables[number]
        #expect(Self.actions(table.map(\.0)) == table.map(\.1))
    }

    /// One step: a call, and the request after it.
    private static let step: [Input] = [.turn(calls: 1), .call, .input(0)]

    @Test(arguments: 1...5) func theStepsAreLimited(_ limit: Int) {
        let inputs: [Input] = [.begin, .input(0)] + Array(repeating: Self.step, count: limit).flatMap(\.self)
        let actions = Self.actions(inputs, limits: AgentLimits(steps: limit))
        #expect(actions.count { $0 == .request } == limit)
        #expect(actions.last == .fail(AgentLimitError(.steps(limit))))
        // Those of earlier processes count.
        let resumed = Self.actions([.begin, .input(0)], limits: AgentLimits(steps: limit), steps: limit)
        #expect(resumed.last == .fail(AgentLimitError(.steps(limit))))
    }

    /// An answer that needs no further one is not too many.
    @Test func theLastStepMayEndTheRun() {
        let inputs: [Input] = [.begin, .input(0), .turn(calls: 0), .input(0)]
        #expect(Self.actions(inputs, limits: AgentLimits(steps: 1)).last == .finish)
    }

    @Test(arguments: [(25, 3), (20, 2), (1, 1), (0, 0)] as [(Int64, Int)])
    func theTokensAreLimited(_ budget: Int64, _ requests: Int) {
        let inputs: [Input] =
            [.begin, .input(0)] + Array(repeating: Self.step, count: max(requests, 0)).flatMap(\.self)
        let actions = Self.actions(inputs, limits: AgentLimits(tokens: budget))
        #expect(actions.count { $0 == .request } == requests)
        #expect(actions.last == .fail(AgentLimitError(.tokens(budget))))
    }

    @Test func theErrorsHaveCodes() {
        #expect(AgentLimitError(.steps(2)).eventCode == "run.step_limit")
        #expect(AgentLimitError(.tokens(2)).eventCode == "run.budget_exceeded")
        #expect(!AgentLimitError(.steps(2)).isRetryable)
    }

    @Test func tokensDoNotOverflow() {
        let inputs: [Input] = [.begin, .input(0), .turn(calls: 1, tokens: .max), .call, .input(0)]
        #expect(
            Self.actions(inputs, limits: AgentLimits(tokens: .max), tokens: 5).last
                == .fail(AgentLimitError(.tokens(.max))))
    }
}
