internal import AgentEvents
internal import Foundation
internal import Logging
internal import Synchronization

/// The forms in which `serve` logs.
enum LogFormat: String, CaseIterable {
    /// A line of words.
    case text
    /// A JSON object a line.
    case json
}

/// Logs on standard error, without what is secret. All loggers of the process share one level, which can be changed while
/// they are in use.
struct ServiceLogHandler: LogHandler {
    /// The level of all handlers.
    final class SharedLevel: Sendable {
        private let level: Mutex<Logger.Level>

        init(_ level: Logger.Level) { self.level = Mutex(level) }

        var value: Logger.Level {
            get { level.withLock { $0 } }
            set { level.withLock { $0 = newValue } }
        }
    }

    private let label: String
    private let format: LogFormat
    private let level: SharedLevel
    private let now: @Sendable () -> Timestamp
    private let write: @Sendable (String) -> Void
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(
        label: String,
        format: LogFormat,
        level: SharedLevel,
        now: @escaping @Sendable () -> Timestamp = WallClock.system.now,
        write: @escaping @Sendable (String) -> Void = StandardError.write
    ) {
        self.label = label
        self.format = format
        self.level = level
        self.now = now
        self.write = write
    }

    /// What a logger sets is not its own: the level is that of the service.
    var logLevel: Logger.Level {
        get { level.value }
        set {}
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        let values = all.map { (key: $0.key, value: "\(LogRedaction.value($0.value, of: $0.key))") }
            .sorted { $0.key < $1.key }
        let message = LogRedaction.text("\(event.message)")
        switch format {
        case .json: write(JSONLogLine(time: now(), level: event.level, message: message, values: values).text)
        case .text:
            let words = values.map { " \($0.key)=\(Self.oneLine($0.value))" }.joined()
            write("\(now().rfc3339) \(event.level) \(label):\(words) \(Self.oneLine(message))")
        }
    }

    private static func oneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }
}

/// A line of a JSON log: `ts`, `level`, `msg`, and of `event`, `connection`, `user`, `thread`, `code`, `duration_ms` and
/// `trace_id` those that there are; what else is known stands after them under its own name.
struct JSONLogLine {
    let time: Timestamp
    let level: Logger.Level
    let message: String
    /// By the names that the code uses.
    let values: [(key: String, value: String)]

    /// In the order in which they are written.
    private static let names = [
        ("event.id", "event"), ("connection.id", "connection"), ("user.id", "user"), ("thread.id", "thread"),
        ("error.code", "code"), ("duration.ms", "duration_ms"), ("trace.id", "trace_id"),
    ]

    var text: String {
        var line: JSONObject = [
            "ts": .string(time.rfc3339), "level": .string("\(level)"), "msg": .string(message),
        ]
        for (key, name) in Self.names {
            guard let value = values.first(where: { $0.key == key })?.value else { continue }
            line[name] = name == "duration_ms" ? Int64(value).map { .integer($0) } ?? .string(value) : .string(value)
        }
        for (key, value) in values where !Self.names.contains(where: { $0.0 == key }) { line[key] = .string(value) }
        return String(decoding: JSONValue.object(line).encoded(), as: UTF8.self)
    }
}
