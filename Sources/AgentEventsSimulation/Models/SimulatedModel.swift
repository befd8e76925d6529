import AgentEvents
import AgentEventsModels
import Synchronization

/// A model that fails often: before its first word, in the middle of an answer, and for good. It calls several tools at once, some that
/// there are not, and with arguments that are none.
final class SimulatedModel: LanguageModel {
    let name = "simulated"
    private let random: Mutex<SimulationRandom>
    private let isCalm = Mutex(false)
    private let environment: Environment
    private let account: ModelAccount

    /// The most turns after a message that have calls.
    private static let turnCount = 4

    init(seed: UInt64, _ environment: Environment, _ account: ModelAccount) {
        random = Mutex(SimulationRandom(seed: seed))
        self.environment = environment
        self.account = account
    }

    /// From now on it answers, and calls nothing.
    func calm() { isCalm.withLock { $0 = true } }

    func reply(to request: ModelRequest, _ part: (ModelPart) async throws -> Void) async throws {
        account.asked(request.transcript)
        let number = account.nextAnswer()
        let turns = request.transcript.items.reversed().prefix { if case .assistant = $0 { true } else { false } }.count
        let isCalm = isCalm.withLock { $0 } || turns >= Self.turnCount
        let plan = random.withLock { Self.plan(number, isCalm: isCalm, &$0) }
        for step in plan.parts {
            try await environment.sleep(.milliseconds(step.pause))
            try await part(step.part)
        }
        guard let error = plan.error else { return }
        // Another try follows, and what was said is not told to a model any longer.
        if error.isRetryable { account.brokeOff(number) }
        throw error
    }

    private struct Step {
        var pause: Int
        var part: ModelPart
    }

    private static func plan(
        _ number: Int, isCalm: Bool, _ random: inout SimulationRandom
    ) -> (parts: [Step], error: ModelError?) {
        var parts: [ModelPart] = []
        if random.once(in: 4) { parts.append(.thought("hm \(number)")) }
        for _ in 0..<random.below(4) { parts.append(.text("[\(number)] ")) }
        if !isCalm {
            for _ in 0..<random.below(4) { parts.append(.call(call(&random))) }
        } else if parts.isEmpty {
            parts.append(.text("[\(number)] "))
        }
        if random.once(in: 2) {
            let tokens = UsageReported(inputTokens: 10, outputTokens: Int64(parts.count))
            parts.append(.usage(tokens))
        }
        var error: ModelError?
        if !isCalm, random.once(in: 4) {
            let code: ModelError.Code = random.once(in: 12) ? .refused : random.once(in: 2) ? .cutOff : .unavailable
            error = ModelError(code, "it fails", retryAfter: random.once(in: 3) ? .seconds(2) : nil)
            parts = Array(parts.prefix(random.below(parts.count + 1)))
        }
        return (parts.map { Step(pause: random.below(400), part: $0) }, error)
    }

    private static func call(_ random: inout SimulationRandom) -> ModelCall {
        let item: JSONValue = ["item": .integer(Int64(random.below(100)))]
        switch random.below(9) {
        case 0, 1, 2: return ModelCall(tool: "look", arguments: .json(item))
        case 3, 4: return ModelCall(tool: "change", arguments: .json(item))
        case 5, 6: return ModelCall(tool: "buy", arguments: .json(item))
        case 7: return ModelCall(tool: random.once(in: 2) ? "break" : "sell", arguments: .json(item))
        default:
            return ModelCall(tool: "look", arguments: random.once(in: 2) ? .json([:]) : .unreadable("{\"item\":"))
        }
    }
}
