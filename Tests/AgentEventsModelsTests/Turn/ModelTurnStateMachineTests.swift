import AgentEvents
import Testing

@testable import AgentEventsModels

/// One answer of a model, part by part.
@Suite struct ModelTurnStateMachineTests {
    private static func machine(_ retries: ModelRetryPolicy = ModelRetryPolicy()) -> ModelTurnStateMachine {
        ModelTurnStateMachine(model: "m", retries: retries, inputEstimate: 10)
    }

    private static let call = ModelCall(tool: "search", arguments: .json(["q": 1]))
    private static let told = UsageReported(inputTokens: 7, outputTokens: 3)

    private static func estimate(_ output: Int64) -> UsageReported {
        UsageReported(model: "m", inputTokens: 10, outputTokens: output, isEstimated: true)
    }

    private static let parts: [(ModelPart, ModelTurnStateMachine.PartAction)] = [
        (.text("Hello"), .say("Hello")), (.thought("hm"), .think("hm")), (.call(call), .keep), (.usage(told), .keep),
        (.text(""), .keep), (.thought(""), .keep),
    ]

    @Test(arguments: parts.indices) func aPartIsSaidOrKept(_ number: Int) {
        var machine = Self.machine()
        let (part, action) = Self.parts[number]
        #expect(machine.receive(part) == action)
        // Not only as the first one.
        #expect(machine.receive(.text("x")) == .say("x"))
        #expect(machine.receive(part) == action)
    }

    @Test func theEndHasAllThatCame() {
        var machine = Self.machine()
        for part in [.thought("hm"), .text("Hel"), .call(Self.call), .text("lo"), .usage(Self.told)] as [ModelPart] {
            _ = machine.receive(part)
        }
        var usage = Self.told
        usage.model = "m"
        let turn = ModelTurn(text: "Hello", calls: [Self.call], usage: usage)
        #expect(machine.end() == .complete(turn, hasMessage: true))
    }

    /// Without numbers of the provider they are estimated, four bytes each.
    @Test func whatTheProviderDoesNotTellIsEstimated() {
        var machine = Self.machine()
        #expect(machine.report == Self.estimate(0))
        _ = machine.receive(.text("Hello"))
        #expect(machine.report == Self.estimate(2))
        #expect(
            machine.end() == .complete(ModelTurn(text: "Hello", calls: [], usage: Self.estimate(2)), hasMessage: true))
        var silent = Self.machine()
        #expect(silent.end() == .complete(ModelTurn(text: "", calls: [], usage: Self.estimate(0)), hasMessage: false))
    }

    private static let delay: Duration = .milliseconds(250)

    /// What came before the failure, and what is seen of it.
    private static let failures: [([ModelPart], interrupts: Bool, usage: UsageReported?)] = [
        ([], false, nil),
        ([.thought("hm")], false, estimate(1)),
        ([.call(call)], false, estimate(4)),
        ([.text("Hello")], true, estimate(2)),
        ([.text("Hello"), .call(call)], true, estimate(5)),
        ([.text("")], false, estimate(0)),
    ]

    @Test(arguments: failures.indices) func aFailureIsTriedAgain(_ number: Int) {
        let (parts, interrupts, usage) = Self.failures[number]
        var machine = Self.machine()
        for part in parts { _ = machine.receive(part) }
        #expect(
            machine.fail(isRetryable: true, retryAfter: nil, fraction: 0.5)
                == .retry(after: Self.delay, interrupts: interrupts, usage: usage))
        // Nothing of it is left: no call that was not carried out, no word that was said twice.
        _ = machine.receive(.text("Again"))
        #expect(
            machine.end() == .complete(ModelTurn(text: "Again", calls: [], usage: Self.estimate(2)), hasMessage: true))
    }

    @Test(arguments: failures.indices) func aFailureThatLastsIsThrown(_ number: Int) {
        let (parts, _, usage) = Self.failures[number]
        var machine = Self.machine()
        for part in parts { _ = machine.receive(part) }
        #expect(machine.fail(isRetryable: false, retryAfter: .seconds(1), fraction: 0.5) == .fail(usage: usage))
    }

    @Test func theFourthTryIsTheLast() {
        var machine = Self.machine()
        var delays: [Duration] = []
        while case .retry(let delay, _, _) = machine.fail(isRetryable: true, retryAfter: nil, fraction: 1) {
            delays.append(delay)
        }
        #expect(delays == [.milliseconds(500), .seconds(1), .seconds(2)])
    }

    private static let policy: [(failures: Int, retryAfter: Duration?, fraction: Double, delay: Duration?)] = [
        (1, nil, 0, .zero), (1, nil, 1, .milliseconds(500)), (2, nil, 0.5, .milliseconds(500)),
        (3, nil, 1, .seconds(2)),
        (4, nil, 0, nil), (9, nil, 0, nil), (1, .seconds(3), 0, .seconds(3)), (1, .seconds(3), 1, .milliseconds(3500)),
        (1, .seconds(60), 0, .seconds(60)), (1, .seconds(61), 0, nil), (1, .seconds(-5), 0, .zero), (4, .zero, 0, nil),
    ]

    @Test(arguments: policy.indices) func theWaitIsRandomAndAtLeastWhatIsAskedFor(_ number: Int) {
        let row = Self.policy[number]
        #expect(
            ModelRetryPolicy().delay(after: row.failures, retryAfter: row.retryAfter, fraction: row.fraction)
                == row.delay)
    }

    @Test func theWaitHasALimit() {
        var policy = ModelRetryPolicy()
        policy.tries = 100
        #expect(policy.delay(after: 50, retryAfter: nil, fraction: 1) == .seconds(20))
    }
}
