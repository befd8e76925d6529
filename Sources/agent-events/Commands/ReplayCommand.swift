internal import AgentEvents
internal import AgentEventsClient
internal import ArgumentParser

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Emit recorded events anew, at the pace at which they happened.",
        discussion: """
            Takes what tail --format json has written. Run ids stay as they are, so a thread takes a recording once; ids, \
            sequence numbers and times are new. Prints the id of each event once it is committed.

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

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Whose thread it is, when it is not the token's user.", valueName: "id"),
        transform: { text throws in try UserID(text) })
    var user: UserID?

    @Option(help: ArgumentHelp("How many times faster than recorded; 0 for no pauses.", valueName: "factor"))
    var speed = 1.0

    func validate() throws {
        guard speed >= 0, speed.isFinite else { throw ValidationError("--speed is 0 or more") }
    }

    @concurrent
    func run() async throws {
        try await ClientFailure.reported {
            let reader = try LineReader(path: file)
            try await stream.client.withEmitter { emitter in
                var pace = ReplayPace(speed: speed)
                let sender = BatchSender(emitter: emitter, user: user)
                let clock = ContinuousClock()
                let start = clock.now
                var batch = ReplayBatch()
                while let line = try reader.next() {
                    guard var event = try RecordedDraft(line, thread: thread) else { continue }
                    let due = pace.due(event.time).map { start.advanced(by: $0) }
                    let mustWait = due.map { $0 > clock.now } ?? false
                    if mustWait || !batch.takes(event) { try await batch.send(with: sender) }
                    if let due, mustWait { try await clock.sleep(until: due) }
                    event.moveExpiry(to: WallClock.system.now(), speed: speed)
                    batch.append(event)
                }
                try await batch.send(with: sender)
            }
        }
    }
}
