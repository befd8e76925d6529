// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func guide(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_guide") {
            .userMessage(containing: "Where are roses?")
            .agentStarted(agent: "guide", input: "Where are roses?")
            .agentThinking(containing: "The words that matter: rose.")
            .tool("search_files", arguments: ["limit": 8, "match": "words", "terms": ["rose"]], result: ["files_searched": 3])
            .agentThinking(containing: "2 files match; I read garden.txt (line 1) and notes/kitchen.md (line 3).")
            .anyOrder {
                .tool(
                    "read_file",
                    arguments: ["file": "garden.txt", "line": 1],
                    result: ["first_line": 1, "lines": ["The garden has roses.", "Tulips bloom in spring."]]
                )
                .tool(
                    "read_file",
                    arguments: ["file": "notes/kitchen.md", "line": 3],
                    result: ["first_line": 1, "lines": ["# Kitchen", "", "Roses do not belong into a soup."]]
                )
            }
            .message(containing: "2 files have to do with “rose”.\n\ngarden.txt, line 1:\n    The garden has roses.\n ")
            .agentCompleted(result: ["sources": [["file": "garden.txt", "line": 1], ["file": "notes/kitchen.md", "line": 3]]])
        }
    }
}
