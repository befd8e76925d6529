import AgentEventsClient
import Testing

@Suite struct HandoverTests {
    private struct Fault: Error, Equatable {}
    private typealias Machine = HandoverStateMachine<Int, String, String>

    /// Every state, every input. `suspend`, `give`, `take`, `refuse`, `end`, `release`, `none`, or `trap` for what the one
    /// giver and the one taker cannot do.
    static let table: [(state: String, offer: String, take: String, finish: String)] = [
        ("idle", "suspend", "suspend", "none"),
        ("offered", "trap", "take 1 giver", "release giver"),
        ("awaited", "give taker 2", "trap", "end taker fault"),
        ("finished", "refuse", "end fault", "none"),
        ("finishedTold", "refuse", "end nil", "none"),
    ]

    @Test(arguments: table)
    func everyInputInEveryState(state: String, offer: String, take: String, finish: String) {
        if offer != "trap" {
            var machine = Self.machine(in: state)
            let action = Self.text(machine.offer(2, "second"))
            #expect(action == offer)
        }
        if take != "trap" {
            var machine = Self.machine(in: state)
            let action = Self.text(machine.take("second"))
            #expect(action == take)
        }
        var machine = Self.machine(in: state)
        let action = Self.text(machine.finish(Fault()))
        #expect(action == finish)
    }

    private static func machine(in state: String) -> Machine {
        var machine = Machine()
        switch state {
        case "offered": _ = machine.offer(1, "giver")
        case "awaited": _ = machine.take("taker")
        case "finished": _ = machine.finish(Fault())
        case "finishedTold":
            _ = machine.finish(Fault())
            _ = machine.take("taker")
        default: break
        }
        return machine
    }

    private static func text(_ action: Machine.OfferAction) -> String {
        switch action {
        case .suspend: "suspend"
        case .give(let taker, let element): "give \(taker) \(element)"
        case .refuse: "refuse"
        }
    }

    private static func text(_ action: Machine.TakeAction) -> String {
        switch action {
        case .suspend: "suspend"
        case .take(let element, let giver): "take \(element) \(giver)"
        case .end(let error): "end \(text(error))"
        }
    }

    private static func text(_ action: Machine.FinishAction) -> String {
        switch action {
        case .none: "none"
        case .release(let giver): "release \(giver)"
        case .end(let taker, let error): "end \(taker) \(text(error))"
        }
    }

    private static func text(_ error: (any Error)?) -> String { error is Fault ? "fault" : "nil" }

    @Test func elementsArriveEachOnceAndInOrder() async throws {
        let handover = Handover<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for element in 0..<1000 { try await handover.offer(element) }
                handover.finish(throwing: Fault())
            }
            for expected in 0..<1000 {
                let element = try await handover.take()
                #expect(element == expected)
            }
            await #expect(throws: Fault.self) { try await handover.take() }
            await #expect(throws: CancellationError.self) { try await handover.take() }
            try await group.waitForAll()
        }
    }

    @Test func cancellingEitherSideReleasesBoth() async throws {
        for cancelsGiver in [true, false] {
            let handover = Handover<Int>()
            let giver = Task { try await handover.offer(1) }
            if cancelsGiver {
                giver.cancel()
            } else {
                let taker = Task { () async throws in
                    _ = try await handover.take()
                    _ = try await handover.take()
                }
                taker.cancel()
                await #expect(throws: CancellationError.self) { try await taker.value }
            }
            _ = await giver.result
            await #expect(throws: CancellationError.self) { try await handover.take() }
        }
    }
}
