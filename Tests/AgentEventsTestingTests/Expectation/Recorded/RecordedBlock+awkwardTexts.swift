// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func awkwardTexts(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_awkwardTexts") {
            .agentStarted(
                agent: "a \"b\" \\ é",
                input: ["\\(k)": "He said \"no\"\\(x)\n\tand left.\r\n\\u{41} #\" \"\"\" 👩‍👩‍👧 שלום \u{202E}abc\u{202C} é ́ \0 \u{2028} \u{FEFF} 🇮🇹", "\"": "", "": []]
            )
            .agentThinking(containing: "\u{301}mark")
            .message()
            .tool("such \"tool\"", arguments: ["text": "#\"\\#(x)\"#"], result: "\u{200F}")
            .message(containing: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx👩‍👩 and so o")
            .custom("{}", value: "*/ // ${x} `")
            .agentFailed(code: "x \"y\"\n")
        }
    }
}
