import AgentEvents

func answer(_ question: String, sink: InMemorySink) async throws -> [String] {
    try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink]) { runtime in
        try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide", input: question) { run in
            try await run.think("Which files mention it?")
            let files = try await run.tool("search_files", arguments: ["query": question]) { _ in
                ["README.md"]  // your tool
            }
            try await run.say("Found \(files.count) file.")
            return files
        }
    }
}
