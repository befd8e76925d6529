/// Why a service does not start.
public struct ServiceError: Error, Sendable, CustomStringConvertible {
    /// Dotted and stable.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case portInUse = "server.port_in_use"
            case portInvalid = "server.port_invalid"
            case portForbidden = "server.port_forbidden"
            case hostInvalid = "server.host_invalid"
            case openAccess = "server.open_access"
            case originInvalid = "server.origin_invalid"
            case listenerInvalid = "server.listener_invalid"
            case socketInvalid = "server.socket_invalid"
            case socketInUse = "server.socket_in_use"
            case certificateInvalid = "server.certificate_invalid"
            case listeningFailed = "server.listening_failed"
        }
        private let value: Value

        /// Another process listens on the port.
        public static let portInUse = Code(value: .portInUse)
        /// The port is not a number from 0 to 65535.
        public static let portInvalid = Code(value: .portInvalid)
        /// The process may not listen on the port.
        public static let portForbidden = Code(value: .portForbidden)
        /// The host is no name or address of this machine.
        public static let hostInvalid = Code(value: .hostInvalid)
        /// Without authentication, on an address that others reach.
        public static let openAccess = Code(value: .openAccess)
        /// An allowed origin is not in the form in which browsers send it.
        public static let originInvalid = Code(value: .originInvalid)
        /// Settings of the listener that exclude each other, or a network that is none.
        public static let listenerInvalid = Code(value: .listenerInvalid)
        /// There can be no unix socket at the path, or not with these permissions.
        public static let socketInvalid = Code(value: .socketInvalid)
        /// Another process listens on the unix socket.
        public static let socketInUse = Code(value: .socketInUse)
        /// The certificate or its key cannot be used.
        public static let certificateInvalid = Code(value: .certificateInvalid)
        /// Listening failed for another reason.
        public static let listeningFailed = Code(value: .listeningFailed)

        public var description: String { value.rawValue }
    }

    public var code: Code
    /// One sentence: what is wrong, and what would help.
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

extension ServiceError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? ServiceError)?.code == code }
}
