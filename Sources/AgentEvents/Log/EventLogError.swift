/// Why a log could not do what it was asked.
public struct EventLogError: Error, Sendable, CustomStringConvertible {
    /// Dotted and stable.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, CaseIterable {
            case closed = "log.closed"
            case conflict = "log.conflict"
            case corrupt = "log.corrupt"
            case exists = "log.exists"
            case failed = "log.failed"
            case full = "log.full"
            case locked = "log.locked"
            case readOnly = "log.read_only"
            case tooLarge = "log.too_large"
            case unavailable = "log.unavailable"
        }
        private let value: Value

        /// The log is not open.
        public static let closed = Code(value: .closed)
        /// A commit does not follow what the log holds: another writer was there first.
        public static let conflict = Code(value: .conflict)
        /// The stored bytes cannot be read as a log.
        public static let corrupt = Code(value: .corrupt)
        /// The folder of a copy, or of a log that is made of one, is there already.
        public static let exists = Code(value: .exists)
        /// Reading or writing failed.
        public static let failed = Code(value: .failed)
        /// There is no room left.
        public static let full = Code(value: .full)
        /// Another writer has the log open.
        public static let locked = Code(value: .locked)
        /// The log cannot be written.
        public static let readOnly = Code(value: .readOnly)
        /// A value beside the events exceeds the limit of its size.
        public static let tooLarge = Code(value: .tooLarge)
        /// The log's place cannot be reached or created.
        public static let unavailable = Code(value: .unavailable)

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

extension EventLogError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? EventLogError)?.code == code }
}
