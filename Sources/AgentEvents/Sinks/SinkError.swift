/// Why a sink, or its place in the log, failed.
public struct SinkError: Error, Sendable, CustomStringConvertible {
    /// Dotted and stable.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, CaseIterable {
            case storeMissing = "sink.store_missing"
            case offsetNameInUse = "sink.offset_name_in_use"
            case offsetUnreadable = "sink.offset_unreadable"
            case offsetUnknown = "sink.offset_unknown"
            case offsetNotSaved = "sink.offset_not_saved"
            case setAsideFailed = "sink.set_aside_failed"
            case fileUnavailable = "sink.file_unavailable"
            case fileLocked = "sink.file_locked"
            case fileFailed = "sink.file_failed"
            case fileFull = "sink.file_full"
        }
        private let value: Value

        /// A durable sink on a log that keeps no values beside its events.
        public static let storeMissing = Code(value: .storeMissing)
        /// Two durable sinks have the same offset name.
        public static let offsetNameInUse = Code(value: .offsetNameInUse)
        /// The stored offset cannot be read. It is not replaced: that would skip or repeat events in silence.
        public static let offsetUnreadable = Code(value: .offsetUnreadable)
        /// The stored offset is beyond the log's end: the log lost events that the sink has, or is another one.
        public static let offsetUnknown = Code(value: .offsetUnknown)
        /// The offset could not be read from the store, or saved to it.
        public static let offsetNotSaved = Code(value: .offsetNotSaved)
        /// An event could not be set aside, so it was not passed over.
        public static let setAsideFailed = Code(value: .setAsideFailed)
        /// A file cannot be opened or created.
        public static let fileUnavailable = Code(value: .fileUnavailable)
        /// A file is in use by another sink or process.
        public static let fileLocked = Code(value: .fileLocked)
        /// Reading or writing a file failed.
        public static let fileFailed = Code(value: .fileFailed)
        /// There is no room for a file to grow.
        public static let fileFull = Code(value: .fileFull)

        package init?(rawValue: String) {
            guard let value = Value(rawValue: rawValue) else { return nil }
            self.init(value: value)
        }

        /// All codes, in the order of their declaration.
        package static var all: [Self] { Value.allCases.map { Self(value: $0) } }

        private init(value: Value) { self.value = value }

        public var description: String { value.rawValue }
    }

    public var code: Code
    /// One sentence: what went wrong, and what would help.
    public var message: String
    /// The error underneath, if there is one.
    public var cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { "\(code): \(message)" }
}

extension SinkError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? SinkError)?.code == code }
}

/// A file that is full, locked or gone is no fault of an event.
extension SinkError: SinkRefusal {
    /// ``SinkRetryAdvice/outage``.
    public var advice: SinkRetryAdvice { .outage }
}
