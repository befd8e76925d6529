import AgentEvents
import AgentEventsHub
import AgentEventsModels
import AgentEventsTestSupport
import AgentEventsTesting
import Testing

/// Agents around scripts, stopped, paused and killed at each of their events.
@Suite(.timeLimit(.minutes(10))) struct ModelAgentSurvivalTests {
    private struct Order: Codable, Sendable { var item: Int }

    private struct OutOfStock: CodedError {
        var eventCode: String { "shop.out_of_stock" }
        var eventMessage: String { "there is none left" }
    }

    private static let look: [ModelPart] = [.text("I look."), .call("search", ["item": 1])]

    private static let scripts: [(name: String, replies: [[ModelPart]])] = [
        ("says nothing", []),
        ("answers", [[.text("Hello, how are you?")]]),
        ("thinks", [[.thought("Hm."), .text("Yes.")]]),
        ("reads", [look, [.text("It is there.")]]),
        ("reads twice", [look, look, [.text("It is there.")]]),
        ("reads several at once", [[.call("search", ["item": 1]), .call("search", ["item": 2])], [.text("Both.")]]),
        ("asks", [[.call("buy", ["item": 1])], [.text("It is bought.")]]),
        (
            "asks beside another call",
            [[.call("buy", ["item": 1]), .call("search", ["item": 2])], [.text("Done.")]]
        ),
        ("calls what there is not", [[.call("sell", ["item": 1]), .call("search", [:])], [.text("I cannot.")]]),
        (
            "calls what fails",
            [[.call("break", ["item": 1])], [.text("It is broken."), .call("search", ["item": 3])], []]
        ),
    ]

    @Test(arguments: scripts.indices) func itSurvivesCommands(_ number: Int) async {
        let bought = Tally<Int>()
        let tools = [
            Tool("search", "Searches.", repeatable: true) { (order: Order, call) in
                try await call.progress(fraction: 0.5)
                return order.item
            },
            Tool("buy", "Buys.", approval: .ask { "Buy \($0.item)?" }) { (order: Order, _) in
                bought.add(order.item)
                return "bought"
            },
            Tool("break", "Breaks.") { (_: Order, _) -> Int in throw OutOfStock() },
        ]
        let model = ScriptedModel(Self.scripts[number].replies, wordsPerSecond: 0)
        let agent = ModelAgent("shopper", model: model, tools: tools)
        await survivesCommands("shopper", input: "Well?", effects: { bought.count }) { run in
            try await agent.respond(to: UserPrompt(text: "Well?", messageID: "m_1", author: "u_1"), run: run)
        }
    }

    /// The check finds what this agent must not do: a tool that buys without a question.
    @Test func aToolThatDoesNotAskDoesNotSurvive() async {
        let bought = Tally<Int>()
        let tool = Tool("buy", "Buys.") { (order: Order, call) in
            bought.add(order.item)
            _ = try await call.run.approve("Was that right?", for: call.id)
        }
        let model = ScriptedModel([[.call("buy", ["item": 1])], [.text("It is bought.")]])
        let agent = ModelAgent("shopper", model: model, tools: [tool])
        await withKnownIssue {
            await survivesCommands("shopper", effects: { bought.count }) { run in
                try await agent.respond(to: UserPrompt(text: "Well?", messageID: "m_1", author: "u_1"), run: run)
            }
        }
    }
}
