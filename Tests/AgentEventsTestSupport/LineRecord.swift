package import Logging
import Synchronization

/// Lines in the order in which they came.
package final class LineRecord<Line: Sendable>: Sendable {
    private let lines = Mutex<[Line]>([])

    package init() {}

    package func append(_ line: Line) { lines.withLock { $0.append(line) } }
    package var all: [Line] { lines.withLock { $0 } }
}

/// Hands every line that is logged to a closure.
package struct RecordingLogHandler: LogHandler {
    private let record: @Sendable (Logger.Level, String, [String: String]) -> Void
    package var metadata: Logger.Metadata = [:]
    package var logLevel = Logger.Level.trace

    package init(_ record: @escaping @Sendable (Logger.Level, String, [String: String]) -> Void) {
        self.record = record
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        record(event.level, "\(event.message)", (event.metadata ?? [:]).mapValues { "\($0)" })
    }
}
