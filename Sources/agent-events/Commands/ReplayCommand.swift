internal import AgentEvents
internal import AgentEventsClient
internal import ArgumentParser

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Emit recorded events again, at the pace at which they happened.",
        discussion: """
            Takes what tail --format json has written, or what a recorder of WebSockets has: other messages are skipped. \
            Run ids stay as they are, so a thread takes a recording once; ids, sequence numbers and times are new, and \
            answers to requests for approval are given by you, which takes the scope command. Prints \
            the id of each event once it is committed. When the service goes away, it waits and continues as emit does.

            Example:
              agent-events replay run.ndjson --thread t_2 --speed 2
            """)

    @Argument(help: "The recording, one event a line; - for standard input.")
    var file: String

    @OptionGroup var stream: StreamOptions

    // An id may begin with a hyphen.
    @Option(
        parsing: .unconditional,
        help: "The thread to emit into. Default: the one of each event.",
        transform: { text throws in try ThreadID(text) })
    var thread: ThreadID?

    @OptionGroup var feed: FeedOptions

    @Option(help: ArgumentHelp("How many times faster than recorded; 0 for no pauses.", valueName: "factor"))
    var speed = 1.0

    func validate() throws {
        guard speed >= 0, speed.isFinite else { throw ValidationError("--speed is 0 or more") }
    }

    @concurrent
    func run() async throws {
        try await ClientFailure.reported {
            // Before anything is connected.
            try LineReader.check(file)
            let run = FeedRun(
                feed: EventFeed(client: try stream.client(), configuration: feed.configuration(batch: 100)),
                inputName: LineReader.name(of: file))
            let (file, thread, speed) = (file, thread, speed)
            try await run.run { feed in
                try await Self.produce(try LineReader(path: file), into: feed, thread: thread, speed: speed)
            }
        }
    }

    private static func produce(
        _ reader: LineReader,
        into feed: EventFeed,
        thread: ThreadID?,
        speed: Double
    ) async throws {
        var pace = ReplayPace(speed: speed)
        let environment = Environment.system
        let start = environment.monotonicNow()
        try await InputReadiness.with(reader.descriptor) { readiness in
            while let line = try await reader.next(when: readiness) {
                guard var event = try RecordedDraft(line, thread: thread) else { continue }
                if let due = pace.due(event.time) {
                    try await environment.sleep(start + due - environment.monotonicNow())
                }
                event.moveExpiry(to: environment.wallClock.now(), speed: speed)
                try await feed.emit(
                    EmitItem(line: line.number, thread: event.thread, bytes: event.draft.value.encoded()))
            }
        }
    }
}
