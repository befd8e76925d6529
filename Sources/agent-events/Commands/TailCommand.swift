internal import AgentEvents
internal import AgentEventsClient
internal import AgentEventsProtocol
internal import ArgumentParser

struct TailCommand: AsyncParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case pretty
        case json
    }

    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Follow the events of a thread.",
        discussion: """
            Continues until it is interrupted. When the connection breaks, it says so on standard error, connects again and \
            continues where it was: no event is missing or doubled.

            Example:
              agent-events tail t_1 --after start
              agent-events tail t_1 --after start --until-end --format json > run.ndjson
            """)

    @Argument(
        help: "The thread's id. It need not exist yet. One that begins with a hyphen comes last, after --.",
        transform: { text throws in try ThreadID(text) })
    var thread: ThreadID

    @OptionGroup var stream: StreamOptions

    @Option(
        help: ArgumentHelp("Where to begin: start, now, or after the event with this id.", valueName: "start|now|id"),
        transform: Self.position)
    var after = StartPosition.now

    @Option(help: "One readable line for each event, or its bytes as they are in the log.")
    var format = Format.pretty

    @Option(help: ArgumentHelp("Stop after this number of events.", valueName: "n"))
    var count: Int?

    @Flag(help: "Stop after the end of a run that no other run started.")
    var untilEnd = false

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count is at least 1") }
    }

    private static func position(_ text: String) throws -> StartPosition {
        switch text {
        case "start": return .start
        case "now": return .now
        default:
            guard let cursor = Cursor(text) else {
                throw ValidationError("it is start, now, or the id of an event such as 3-42")
            }
            return .after(cursor)
        }
    }

    @concurrent
    func run() async throws {
        try await ClientFailure.reported {
            try await stream.client().withEvents(of: thread, from: after) { try await follow($0) }
        }
    }

    private func follow(_ events: ThreadFollower) async throws {
        var end = TailEnd(count: count, untilEnd: untilEnd)
        let lines = EventLine(isColoured: StandardOutput.showsColours)
        var hasConnected = false
        for try await element in events {
            switch element {
            case .event(let event):
                hasConnected = true
                let decoded = format == .pretty || untilEnd ? try? event.decoded() : nil
                switch format {
                case .json: try StandardOutput.write(event.bytes)
                case .pretty:
                    if let decoded {
                        try StandardOutput.write(lines.line(for: decoded))
                    } else {
                        // Made by a later version, perhaps. Nothing is left out.
                        try StandardOutput.write(event.bytes)
                    }
                }
                if end.isReached(after: decoded) { return }
            case .live:
                if !hasConnected { StandardError.write("following \(thread) at \(stream.url)") }
                hasConnected = true
            case .reset(let reason):
                StandardError.write("the thread's history has changed (\(reason)); beginning again at its start")
            case .interrupted(let error, let pause):
                guard hasConnected else { throw error }
                StandardError.write("\(error.message); connecting again in \(Self.seconds(pause)) s")
            }
        }
    }

    private static func seconds(_ time: Duration) -> Double { (time / .seconds(1) * 10).rounded() / 10 }
}
