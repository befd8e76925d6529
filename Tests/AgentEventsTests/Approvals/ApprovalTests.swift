import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// People answer what agents ask. The numbers are those of the cases in the design.
@Suite(.timeLimit(.minutes(10))) struct ApprovalTests {
    private struct Deployment: Codable, Hashable, Sendable { var environment: String }

    private static func schema() throws -> ApprovalSchema {
        try ApprovalSchema([
            "type": "object", "properties": ["environment": ["type": "string", "enum": ["staging", "production"]]],
            "required": ["environment"],
        ])
    }

    private static func error(_ body: () async throws -> CommandReceipt) async -> AgentEventsError? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? AgentEventsError
        }
    }

    private static func word<Form>(_ outcome: ApprovalOutcome<Form>) -> String {
        switch outcome {
        case .approved(let answer): "approved by \(answer.by.map { "\($0)" } ?? "nobody")"
        case .denied(let by, let data): "denied by \(by.map { "\($0)" } ?? "nobody") \(data ?? .null)"
        case .expired: "expired"
        case .cancelled: "cancelled"
        }
    }

    @Test(arguments: CommandStage.logs, [true, false])
    func anAnswerReachesTheAgentAsAValue(contended: Bool, isApproved: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            async let word: String = stage.run { run in Self.word(try await run.approve("May I?", id: "a_1")) }
            try await stage.wait(for: .approvalRequested)
            let receipt = try await stage.context.answer(ApprovalAnswer("a_1", isApproved: isApproved, by: "u_1"))
            #expect(receipt.outcome == .done && receipt.cursors.count == 1)
            #expect(try await word == (isApproved ? "approved by u_1" : "denied by u_1 null"))
            #expect(try await stage.types == ["approval_requested", "approval_resolved", "agent_completed"])
        }
    }

    /// 28: three questions at once, answered in every order.
    @Test(arguments: [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]])
    func parallelCallsAreAnsweredInAnyOrder(_ order: [Int]) async throws {
        try await CommandStage.with { stage in
            let begun = Numbers()
            async let run: Void = stage.run { run in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 1...3 {
                        group.addTask {
                            let approval = ToolApproval("Call \(number)?")
                            try await run.tool("t", id: CallID("c_\(number)"), arguments: number, approval: approval) {
                                call in begun.append(call.arguments.integerValue)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            try await stage.wait(for: .approvalRequested, count: 3)
            var ids: [Int: ApprovalID] = [:]
            for event in try await stage.events {
                guard case .approvalRequested(let asked) = event.payload else { continue }
                for number in 1...3 where asked.prompt == "Call \(number)?" { ids[number] = asked.approvalID }
            }
            for (index, number) in order.enumerated() {
                let id = try #require(ids[number])
                _ = try await stage.context.answer(ApprovalAnswer(id, isApproved: true, by: "u_1"))
                try await stage.wait(for: .toolCompleted, count: index + 1)
                #expect(begun.all == order.prefix(index + 1).map { Int64($0) })
            }
            try await run
            #expect(try await stage.lastType == "agent_completed")
        }
    }

    /// 27, and what the call says: without a yes its body does not begin.
    @Test(arguments: CommandStage.logs) func aNoPreventsTheBody(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            async let refused: ApprovalRefused? = stage.run { run in
                do {
                    try await run.tool("t", arguments: 1, approval: ToolApproval("May I?")) { _ in
                        Issue.record("the body has begun")
                    }
                    return nil
                } catch let error as ApprovalRefused {
                    return error
                }
            }
            try await stage.wait(for: .approvalRequested)
            let asked = try #require(try await stage.openApproval)
            _ = try await stage.context.answer(ApprovalAnswer(asked, isApproved: false, by: "u_1"))
            let refusal = try await refused
            #expect(refusal?.decision == .denied)
            let completed = try await stage.events.compactMap { event -> ToolCompleted? in
                if case .toolCompleted(let completed) = event.payload { completed } else { nil }
            }
            #expect(completed.map(\.status) == [.denied])
            #expect(completed.first?.error?.code == "approval.denied")
            #expect(try await stage.lastType == "agent_completed")
        }
    }

    /// 29 and 30: the first answer counts, the same one again changes nothing, another one is told which counts.
    @Test(arguments: CommandStage.logs) func thereIsOneAnswerForEverybody(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            async let word: String = stage.run { run in
                let outcome = try await run.approve("May I?", id: "a_1", approvers: ["u_1", "u_2"])
                return Self.word(outcome)
            }
            try await stage.wait(for: .approvalRequested)
            let first = try await stage.context.answer(ApprovalAnswer("a_1", isApproved: true, by: "u_2"))
            for _ in 0..<100 {
                let again = try await stage.context.answer(ApprovalAnswer("a_1", isApproved: true, by: "u_1"))
                #expect(again.outcome == .unchanged && again.cursors == first.cursors)
                #expect(again.details?.resolution?.by == "u_2")
            }
            let other = await Self.error {
                try await stage.context.answer(ApprovalAnswer("a_1", isApproved: false, by: "u_1"))
            }
            #expect(other?.code == .approvalResolved)
            #expect(
                other?.details?.resolution
                    == CommandDetails.Resolution(decision: .approved, by: "u_2", cursor: first.cursors[0]))
            #expect(try await word == "approved by u_2")
            #expect(try await stage.types.filter { $0 == "approval_resolved" }.count == 1)
        }
    }

    /// 26: an answer to what was never asked does nothing.
    @Test func anUnknownRequestIsNotAnswered() async throws {
        try await CommandStage.with { stage in
            let error = await Self.error {
                try await stage.context.answer(ApprovalAnswer("a_1", isApproved: true, by: "u_1"))
            }
            #expect(error?.code == .approvalUnknown)
            let types = try await stage.types
            #expect(types == [])
        }
    }

    /// 18: an answer to a paused run is logged, and acted upon when the run is resumed.
    @Test(arguments: CommandStage.logs) func anAnswerWhilePausedCountsAfterwards(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            let begun = Latch()
            async let run: Void = stage.run { run in
                try await run.tool("t", arguments: 1, approval: ToolApproval("May I?")) { _ in begun.open() }
            }
            try await stage.wait(for: .approvalRequested)
            let asked = try #require(try await stage.openApproval)
            try await stage.command(.pause)
            let receipt = try await stage.context.answer(ApprovalAnswer(asked, isApproved: true, by: "u_1"))
            #expect(receipt.outcome == .done)
            await stage.waitForPaused(1)
            #expect(!begun.isOpen)
            try await stage.command(.resume)
            try await run
            #expect(begun.isOpen)
        }
    }

    /// 37: a stop takes the question back, and whoever answers later is told so.
    @Test(arguments: CommandStage.logs) func aStopCancelsTheQuestion(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            let told = Latch()
            async let run: Result<Void, any Error> = stage.outcome { run in
                let outcome = try await run.approve("May I?", id: "a_1")
                if case .cancelled = outcome { told.open() }
                try await run.say("it goes on")
            }
            try await stage.wait(for: .approvalRequested)
            try await stage.command(.stop)
            guard case .failure = await run else {
                Issue.record("a stopped run has no result")
                return
            }
            let error = await Self.error {
                try await stage.context.answer(ApprovalAnswer("a_1", isApproved: true, by: "u_1"))
            }
            #expect(error?.code == .approvalResolved && error?.details?.resolution?.decision == .cancelled)
            #expect(try await stage.types == ["approval_requested", "approval_resolved", "agent_cancelled"])
            await told.wait()
        }
    }

    /// 33: at the end of its time a request is answered, or has expired, and never both.
    @Test(arguments: [-1, 0, 1]) func anAnswerCountsBeforeTheTimeIsOver(_ milliseconds: Int64) async throws {
        let now = Mutex<Int64>(1_000_000)
        var configuration = RuntimeConfiguration()
        configuration.clock = WallClock { Timestamp(milliseconds: now.withLock { $0 }) }
        try await CommandStage.with(configuration) { stage in
            async let word: String = stage.run { run in
                Self.word(try await run.approve("May I?", id: "a_1", within: .seconds(60)))
            }
            try await stage.wait(for: .approvalRequested)
            now.withLock { $0 += 60_000 + milliseconds }
            let error = await Self.error {
                try await stage.context.answer(ApprovalAnswer("a_1", isApproved: true, by: "u_1"))
            }
            #expect(error?.code == (milliseconds < 0 ? nil : .approvalExpired))
            #expect(try await word == (milliseconds < 0 ? "approved by u_1" : "expired"))
            #expect(try await stage.types.filter { $0 == "approval_resolved" }.count == 1)
        }
    }

    /// 43: what is filled in is a value of the agent's type; what does not fit leaves the question open.
    @Test func aFormIsCheckedAndDecoded() async throws {
        try await CommandStage.with { stage in
            let schema = try Self.schema()
            async let answered: Deployment? = stage.run { run in
                try await run.approve("Where?", as: Deployment.self, schema, id: "a_1").get().form
            }
            try await stage.wait(for: .approvalRequested)
            for data in [nil, ["environment": "moon"], ["environment": "staging", "x": 1]] as [JSONValue?] {
                let error = await Self.error {
                    try await stage.context.answer(ApprovalAnswer("a_1", isApproved: true, data: data, by: "u_1"))
                }
                #expect(error?.code == .approvalDataInvalid)
            }
            let forbidden = await Self.error {
                try await stage.context.answer(ApprovalAnswer("a_1", isApproved: true, by: "u_2"))
            }
            #expect(forbidden?.code == .approvalForbidden)
            #expect(try await stage.types == ["approval_requested"])
            let answer = ApprovalAnswer("a_1", isApproved: true, data: ["environment": "staging"], by: "u_1")
            _ = try await stage.context.answer(answer, key: "k_1")
            let repeated = try await stage.context.answer(answer, key: "k_1")
            #expect(repeated.outcome == .repeated)
            #expect(try await answered == Deployment(environment: "staging"))
        }
    }

    /// 32: the arguments that were approved are those that the body gets.
    @Test func editedArgumentsReplaceThoseOfTheCall() async throws {
        try await CommandStage.with { stage in
            async let arguments: JSONValue = stage.run { run in
                let approval = ToolApproval("May I?", isEditable: true)
                return try await run.tool("t", arguments: ["path": "a"], approval: approval) { call in call.arguments }
            }
            try await stage.wait(for: .approvalRequested)
            let asked = try #require(try await stage.openApproval)
            let edit: JSONValue = ["arguments": ["path": "b"]]
            _ = try await stage.context.answer(ApprovalAnswer(asked, isApproved: true, data: edit, by: "u_1"))
            #expect(try await arguments == ["path": "b"])
        }
    }

    /// A cancelled task does not wait, and leaves the question to the end of its run.
    @Test func aCancelledTaskDoesNotWait() async throws {
        try await CommandStage.with { stage in
            let outcome: Result<Void, any Error> = await stage.outcome { run in
                let question = Task { try await run.approve("May I?", id: "a_1") }
                try await stage.wait(for: .approvalRequested)
                question.cancel()
                await #expect(throws: CancellationError.self) { try await question.value }
                throw CancellationError()
            }
            guard case .failure(let error) = outcome else {
                Issue.record("a cancelled run has no result")
                return
            }
            #expect(error is CancellationError)
            let expected = ["approval_requested", "approval_resolved", "agent_cancelled"]
            let types = try await stage.types
            #expect(types == expected)
        }
    }

    /// 18, without a tool.
    @Test(arguments: CommandStage.logs) func aYesIsReturnedWhenTheRunIsResumed(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            let returned = Latch()
            async let run: Void = stage.run { run in
                _ = try await run.approve("May I?", id: "a_1")
                returned.open()
            }
            try await stage.wait(for: .approvalRequested)
            try await stage.command(.pause)
            _ = try await stage.context.answer(ApprovalAnswer("a_1", isApproved: true, by: "u_1"))
            await stage.waitForPaused(1)
            #expect(!returned.isOpen)
            try await stage.command(.resume)
            try await run
            #expect(returned.isOpen)
        }
    }

    /// Nobody answers when the log takes nothing any longer.
    @Test func thoseWhoAskAreToldOfTheEndOfTheLog() async throws {
        let runtime = AgentRuntime(log: InMemoryEventLog())
        let life = Task { try await runtime.run() }
        let context = try await runtime.context(user: "u_1", thread: "t_1")
        let run = Task {
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                _ = try await run.approve("May I?")
            }
        }
        while await context.askingTaskCount != 1 { await Task.yield() }
        runtime.shutdown()
        try await life.value
        #expect(await context.askingTaskCount == 0)
        run.cancel()
        let error = await #expect(throws: AgentEventsError.self) { try await run.value }
        #expect(error?.code == .log(.closed))
    }

    /// The time for an answer begins when the question is there, not while the run is paused before it.
    @Test func aPauseTakesNothingOfTheTimeForAnAnswer() async throws {
        let now = Mutex<Int64>(1_000_000)
        var configuration = RuntimeConfiguration()
        configuration.clock = WallClock { Timestamp(milliseconds: now.withLock { $0 }) }
        try await CommandStage.with(configuration) { stage in
            async let word: String = stage.run { run in
                try await stage.command(.pause)
                return Self.word(try await run.approve("May I?", id: "a_1", within: .seconds(60)))
            }
            await stage.waitForPaused(1)
            now.withLock { $0 += 3_600_000 }
            try await stage.command(.resume)
            try await stage.wait(for: .approvalRequested)
            _ = try await stage.context.answer(ApprovalAnswer("a_1", isApproved: true, by: "u_1"))
            #expect(try await word == "approved by u_1")
        }
    }

    /// A field that is named as the arguments is one like any other, also where those may be replaced.
    @Test func aFieldOfTheNameOfTheArgumentsIsAField() async throws {
        struct Form: Codable, Sendable { var arguments: String }
        try await CommandStage.with { stage in
            let schema = try ApprovalSchema(["type": "object", "properties": ["arguments": ["type": "string"]]])
            async let answered: String = stage.run { run in
                let outcome = try await run.approve("Which?", as: Form.self, schema, id: "a_1", isEditable: true)
                let answer = try outcome.get()
                #expect(answer.arguments == nil)
                return answer.form.arguments
            }
            try await stage.wait(for: .approvalRequested)
            let answer = ApprovalAnswer("a_1", isApproved: true, data: ["arguments": "x"], by: "u_1")
            _ = try await stage.context.answer(answer)
            #expect(try await answered == "x")
        }
    }

    /// A request whose form cannot be checked is not made.
    @Test func aSchemaThatIsNoneIsRefused() async throws {
        try await CommandStage.with { stage in
            let outcome: Result<Void, any Error> = await stage.outcome { run in
                _ = try await run.emit(
                    .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "?", schema: ["type": "string"])))
            }
            guard case .failure(let error as AgentEventsError) = outcome else {
                Issue.record("it is not refused")
                return
            }
            #expect(error.code == .wire(.invalidValue))
            #expect((error.cause as? WireError)?.path == "$.data.schema.type")
        }
    }
}

extension CommandStage {
    /// The first request for approval that is open.
    fileprivate var openApproval: ApprovalID? {
        get async throws {
            try await runtime.flush()
            return try await ThreadFold.state(of: "t_1", in: log).approvals.first?.approvalID
        }
    }
}

private final class Numbers: Sendable {
    private let numbers = Mutex<[Int64?]>([])

    var all: [Int64?] { numbers.withLock { $0 } }

    func append(_ number: Int64?) { numbers.withLock { $0.append(number) } }
}
