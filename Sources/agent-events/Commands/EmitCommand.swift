internal import AgentEvents
internal import AgentEventsClient
internal import ArgumentParser

struct EmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emit",
        abstract: "Emit events, one JSON object a line from standard input, into a thread.",
        discussion: """
            Events have type, run_id, agent and data, and no id, seq or time: those are given when the event is accepted. \
            Each line is sent as soon as it is there, and the id of each event is printed once it is committed. When the \
            service goes away, the events wait and are sent again: each is logged once, in order, also over a kill.

            A refused line ends the program with 1; the lines before it are committed. Without a service it gives up with \
            69 and says how many are. SIGINT and SIGTERM end it when what was taken is committed; a second one ends it at \
            once.

            Example:
              echo '{"type":"user_message","data":{"message_id":"m_1","user_id":"local","text":"Hello"}}' \\
                | agent-events emit --thread t_1
              my-agent | agent-events emit --thread t_1
            """)

    @OptionGroup var stream: StreamOptions

    // An id may begin with a hyphen.
    @Option(parsing: .unconditional, help: "The thread's id.", transform: { text throws in try ThreadID(text) })
    var thread: ThreadID

    @OptionGroup var feed: FeedOptions

    @Option(
        help: ArgumentHelp(
            "How many lines that are there already are sent together at most. Default: 100, with --key-prefix 1.",
            valueName: "n"))
    var batch: Int?

    func validate() throws {
        guard (1...1000).contains(batch ?? 1) else { throw ValidationError("--batch is from 1 to 1000") }
        if let batch, batch > 1, feed.keyPrefix != nil {
            throw ValidationError("--batch has no meaning with --key-prefix: each line is sent on its own")
        }
    }

    @concurrent
    func run() async throws {
        let run = FeedRun(
            feed: EventFeed(client: try stream.client(), configuration: feed.configuration(batch: batch ?? 100)),
            inputName: "standard input")
        let thread = thread
        try await run.run { feed in
            let reader = try LineReader(path: "-")
            try await InputReadiness.with(reader.descriptor) { readiness in
                while let line = try await reader.next(when: readiness) {
                    guard let draft = try NumberedDraft(line) else { continue }
                    try await feed.emit(EmitItem(line: draft.line, thread: thread, bytes: draft.value.encoded()))
                }
            }
        }
    }
}
