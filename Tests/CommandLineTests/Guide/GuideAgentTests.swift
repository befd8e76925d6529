import AgentEvents
import AgentEventsHub
import AgentEventsModels
import AgentEventsServer
import AgentEventsTestSupport
import AgentEventsTesting
import Testing
import agent_events

/// What the guide does, question by question, as a frontend sees it.
@Suite struct GuideAgentTests {
    private static func files(in folder: TemporaryFolder) throws {
        try folder.write("garden.txt", "The garden has roses.\nTulips bloom in spring.\n")
        try folder.write("notes/kitchen.md", "# Kitchen\n\nRoses do not belong into a soup.\n")
        try folder.write("cellar.txt", [0x72, 0x6F, 0x73, 0x65, 0xE9])
    }

    /// The events of the answer to a question.
    private static func events(_ question: String) async throws -> [AgentEvent] {
        try await TemporaryFolder.with { folder in
            try files(in: folder)
            let guide = ModelAgent.guide(folder: TextFolder(path: folder.path), folderName: "docs")
            let sink = InMemorySink()
            _ = try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink]) { runtime in
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: guide.name, input: question) { run in
                    try await guide.respond(to: UserPrompt(text: question, messageID: "m_1", author: "u_1"), run: run)
                }
            }
            return sink.events
        }
    }

    @Test func aQuestionIsSearchedForReadUpAndAnswered() async throws {
        expectEvents(in: try await Self.events("Where are roses?"), policy: .canonical) {
            .agentStarted(agent: "guide", input: "Where are roses?")
                .agentThinking(containing: "The words that matter: rose.")
                .usageReported(model: "guide-script")
                .tool("search_files", arguments: ["terms": ["rose"], "match": "words"], result: ["files_searched": 3]) {
                    .zeroOrMore { .toolProgress() }
                }
                .agentThinking(containing: "2 files match; I read garden.txt (line 1) and notes/kitchen.md (line 3).")
                .usageReported()
                .anyOrder {
                    .tool("read_file", arguments: ["file": "garden.txt"], result: ["first_line": 1])
                        .tool("read_file", arguments: ["file": "notes/kitchen.md"], result: ["first_line": 1])
                }
                .oneOrMore { .messageDelta() }
                .messageCompleted(containing: "The garden has roses.")
                .usageReported()
                .agentCompleted(
                    result: [
                        "sources": [["file": "garden.txt", "line": 1], ["file": "notes/kitchen.md", "line": 3]]
                    ])
        }
    }

    @Test func whatNobodyWroteIsSearchedForTwiceAndNothingIsRead() async throws {
        expectEvents(in: try await Self.events("Tell me about zebras!")) {
            .agentStarted(agent: "guide")
                .agentThinking(containing: "The words that matter: zebra.")
                .usageReported()
                .tool("search_files", arguments: ["terms": ["zebra"]])
                .agentThinking(containing: "I look for words that begin alike.")
                .usageReported()
                .tool("search_files", arguments: ["terms": ["zebr"], "match": "beginnings"])
                .agentThinking(containing: "No file has any of these words")
                .message(containing: "Nothing in docs matches")
                .usageReported()
                .agentCompleted(result: ["sources": []])
        }
    }

    @Test func aQuestionWithoutAWordIsAnsweredWithoutASearch() async throws {
        expectEvents(in: try await Self.events("What is it?")) {
            .agentStarted(agent: "guide")
                .agentThinking(containing: "no word that tells one file from another")
                .message(containing: "no word to search for")
                .usageReported()
                .agentCompleted(result: ["sources": []])
        }
    }

    @Test func aQuestionWithoutAWordOfItsOwnIsAboutTheOneBefore() async throws {
        let events = try await TemporaryFolder.with { folder in
            try Self.files(in: folder)
            let guide = ModelAgent.guide(folder: TextFolder(path: folder.path), folderName: "docs")
            let sink = InMemorySink()
            try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink]) { runtime in
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                for (message, text) in [("m_1", "Where are roses?"), ("m_2", "Where is it?")] as [(MessageID, String)] {
                    try await context.emit(
                        EventDraft(.userMessage(UserMessage(messageID: message, userID: "u_1", text: text))))
                }
                let prompt = UserPrompt(text: "Where is it?", messageID: "m_2", author: "u_1")
                _ = try await runtime.withRun(user: "u_1", thread: "t_1", agent: guide.name) { run in
                    try await guide.respond(to: prompt, run: run)
                }
            }
            return sink.events
        }
        expectEvents(in: Array(events.dropFirst(2))) {
            .agentStarted(agent: "guide")
                .agentThinking(containing: "so it is about the one before")
                .agentThinking(containing: "The words that matter: rose.")
                .anything(upTo: .agentCompleted())
                .agentCompleted()
        }
    }

    @Test func aFileThatCannotBeReadIsAFailedCallAndTheRunGoesOn() async throws {
        expectEvents(in: try await Self.events("cellar")) {
            .agentStarted(agent: "guide")
                .agentThinking()
                .usageReported()
                .tool("search_files") { .zeroOrMore { .toolProgress() } }
                .agentThinking(containing: "One file matches; I read cellar.txt")
                .usageReported()
                .toolExecuting("read_file", arguments: ["file": "cellar.txt"])
                .toolCompleted("read_file", status: .failed, .where("is no text") { $0.error?.code == "file.not_text" })
                .message(containing: "it could not be read: it is not text in UTF-8.")
                .usageReported()
                .agentCompleted(result: ["sources": []])
        }
    }

    @Test func theGuideSurvivesCommands() async throws {
        try await TemporaryFolder.with { folder in
            try Self.files(in: folder)
            // It has to ask before it reads this one.
            try folder.write("secret-roses.txt", "The secret roses are blue.\n")
            let guide = ModelAgent.guide(folder: TextFolder(path: folder.path), folderName: "docs")
            await survivesCommands(guide, prompt: "Where are the secret roses?", clock: ManualClock())
        }
    }
}
