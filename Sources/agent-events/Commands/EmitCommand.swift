internal import AgentEvents
internal import AgentEventsClient
internal import ArgumentParser

struct EmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emit",
        abstract: "Emit events, one JSON object a line from standard input, into a thread.",
        discussion: """
            Events have type, run_id, agent and data, and no id, seq or time: those are given when the event is accepted. \
            Prints the id of each event once it is committed. Of a batch all events are accepted or none.

            Example:
              echo '{"type":"user_message","data":{"message_id":"m_1","user_id":"local","text":"Hello"}}' \\
                | agent-events emit --thread t_1
            """)

    @OptionGroup var stream: StreamOptions

    // An id may begin with a hyphen.
    @Option(parsing: .unconditional, help: "The thread's id.", transform: { text throws in try ThreadID(text) })
    var thread: ThreadID

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Whose thread it is, when it is not the token's user.", valueName: "id"),
        transform: { text throws in try UserID(text) })
    var user: UserID?

    @Option(help: ArgumentHelp("How many events are sent together.", valueName: "n"))
    var batch = 100

    func validate() throws {
        guard (1...1000).contains(batch) else { throw ValidationError("--batch is from 1 to 1000") }
    }

    @concurrent
    func run() async throws {
        try await ClientFailure.reported {
            let reader = try LineReader(path: "-")
            try await stream.client.withEmitter { emitter in
                let sender = BatchSender(emitter: emitter, user: user)
                while let drafts = try nextBatch(of: reader) {
                    try await sender.send(drafts, thread: thread)
                }
            }
        }
    }

    private func nextBatch(of reader: LineReader) throws -> [NumberedDraft]? {
        var drafts: [NumberedDraft] = []
        while drafts.count < batch, let line = try reader.next() {
            if let draft = try NumberedDraft(line) { drafts.append(draft) }
        }
        return drafts.isEmpty ? nil : drafts
    }
}
