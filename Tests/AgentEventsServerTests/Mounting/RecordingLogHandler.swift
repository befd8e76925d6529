import Logging
import Synchronization

/// Lines in the order in which they came.
final class LineRecord<Line: Sendable>: Sendable {
    private let lines = Mutex<[Line]>([])

    func append(_ line: Line) { lines.withLock { $0.append(line) } }
    var all: [Line] { lines.withLock { $0 } }
}

struct RecordingLogHandler: LogHandler {
    let record: @Sendable (Logger.Level, String, [String: String]) -> Void
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(_ record: @escaping @Sendable (Logger.Level, String, [String: String]) -> Void) { self.record = record }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        record(event.level, "\(event.message)", (event.metadata ?? [:]).mapValues { "\($0)" })
    }
}
