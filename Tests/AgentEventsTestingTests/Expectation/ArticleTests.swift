import AgentEvents
import AgentEventsTesting
import Testing

/// The example of the article "Testing an agent": it fails as it says, and passes when the two calls are exchanged.
@Suite struct ArticleTests {
    private static func events(thinksFirst: Bool) async throws -> [AgentEvent] {
        let sink = InMemorySink()
        try await withAgentRuntime(log: InMemoryEventLog(generations: .counting), sinks: [sink]) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                if thinksFirst { try await run.think("Is that all of them?") }
                let files = try await run.tool("search_files", arguments: ["query": "parser"]) { _ in
                    ["Sources/Parser.swift"]
                }
                if !thinksFirst { try await run.think("Is that all of them?") }
                try await run.say("It is in \(files.joined(separator: ", ")).")
            }
        }
        return sink.events(in: "t_1")
    }

    private static let expectation = EventExpectation {
        .agentStarted(agent: "guide")
            .agentThinking()
            .tool("search_files", arguments: ["query": "parser"])
            .message(containing: "Sources/Parser.swift")
            .agentCompleted()
    }

    @Test func theExampleFails() async throws {
        let failure = Self.expectation.failures(of: try await Self.events(thinksFirst: false)).joined()
        #expect(
            failure
                == """
                The events are not those expected, event 2 of 7 is the first that differs:
                  expected                                              actual
                = agentStarted(agent: "guide")                          1-1  agent_started guide
                > agentThinking                                         1-2  tool_executing search_files {"query":"parser"}
                  tool("search_files", arguments: {"query":"parser"})   1-3  tool_completed search_files succeeded ["Sources/Parser.swif…
                  end of tool("search_files", status: .succeeded)       1-4  agent_thinking "Is that all of them?"
                  message(containing: "Sources/Parser.swift")           1-5  message_delta "It is in Sources/Parser.swift."
                  agentCompleted                                        1-6  message_completed "It is in Sources/Parser.swift."
                                                                        1-7  agent_completed
                """)
    }

    @Test func theCorrectedExamplePasses() async throws {
        #expect(Self.expectation.failures(of: try await Self.events(thinksFirst: true)) == [])
    }
}
