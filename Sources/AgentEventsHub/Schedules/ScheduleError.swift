package import AgentEventsProtocol

/// The reason why a schedule is not kept, or not found.
public struct ScheduleError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Dotted and stable.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        fileprivate enum Value: String {
            case invalid = "schedule.invalid"
            case unknown = "schedule.unknown"
            case unsupported = "schedule.unsupported"
            case tooMany = "limits.schedules"
            case notStored = "schedule.not_stored"
        }
        fileprivate let value: Value

        /// The cron expression, the zone or another part is not what it should be.
        public static let invalid = Code(value: .invalid)
        /// The user has no schedule of this id.
        public static let unknown = Code(value: .unknown)
        /// The log keeps no schedules, or this one is the application's own.
        public static let unsupported = Code(value: .unsupported)
        /// There are as many schedules as there may be.
        public static let tooMany = Code(value: .tooMany)
        /// It could not be stored; the same call may succeed later.
        public static let notStored = Code(value: .notStored)

        public var description: String { value.rawValue }
    }

    public var code: Code
    /// One sentence: what is wrong, and what would have been right.
    public var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code): \(message)" }
}

extension ScheduleError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? ScheduleError)?.code == code }
}

extension ProtocolError {
    /// The same, for clients.
    package init(_ error: ScheduleError) {
        switch error.code.value {
        case .invalid: self.init(.scheduleInvalid, error.message)
        case .unknown: self.init(.scheduleUnknown, error.message)
        case .unsupported: self.init(.scheduleUnsupported, error.message)
        case .tooMany: self.init(.tooManySchedules, error.message)
        case .notStored: self.init(.internalFailure, error.message, isRetryable: true)
        }
    }
}
