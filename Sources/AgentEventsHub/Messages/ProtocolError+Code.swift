package import AgentEvents

extension ProtocolError {
    /// Dotted and stable. The codes of order, wire and log errors are those of the core.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code as it stands on the wire.
        package let rawValue: String

        init(_ rawValue: String) { self.rawValue = rawValue }

        /// A message lacks a member, or has one of the wrong type or value.
        package static let messageInvalid = Code("message.invalid")
        /// A query parameter, a header or the path of an HTTP request is wrong.
        package static let requestInvalid = Code("request.invalid")
        /// There is no such op.
        package static let operationUnknown = Code("op.unknown")
        /// The op, or a way to use it, is part of the protocol and not of this service.
        package static let operationUnsupported = Code("op.unsupported")
        /// A cursor is not well formed.
        package static let cursorInvalid = Code("cursor.invalid")
        /// A cursor is of another history than the log has.
        package static let cursorDiverged = Code(AgentEventsError.Code.cursorDiverged)
        /// A cursor is older than what is kept of the thread.
        package static let cursorTrimmed = Code(AgentEventsError.Code.cursorTrimmed)
        /// A cursor is beyond the thread's last event, and nobody can have been given it.
        package static let cursorUnknown = Code(AgentEventsError.Code.cursorUnknown)
        /// An idempotency key was used for another request.
        package static let keyConflict = Code(AgentEventsError.Code.keyConflict)
        /// A request without events.
        package static let emptyBatch = Code(AgentEventsError.Code.emptyBatch)
        /// A request with too many events.
        package static let batchTooLarge = Code("limits.batch_events")
        /// A request body that is too large.
        package static let bodyTooLarge = Code("limits.body_bytes")
        /// A message that is too large.
        package static let messageTooLarge = Code("limits.message_bytes")
        /// Too many subscriptions on one connection.
        package static let tooManySubscriptions = Code("limits.subscriptions")
        /// The thread belongs to somebody else.
        package static let threadForbidden = Code(AgentEventsError.Code.threadForbidden)
        /// There is no such thread, or it belongs to somebody else.
        package static let threadUnknown = Code("thread.unknown")
        /// No agent of that name is served.
        package static let agentUnknown = Code("agent.unknown")
        /// As many agents run as may.
        package static let agentsBusy = Code("agents.busy")
        /// The service is about to stop.
        package static let stopping = Code("server.stopping")
        /// The credentials do not allow this.
        package static let scopeMissing = Code("auth.scope_missing")
        /// A browser's page from another origin.
        package static let originForbidden = Code("origin.forbidden")
        /// The request is for a host that this service does not answer for.
        package static let hostForbidden = Code("origin.host_forbidden")
        /// No such path.
        package static let pathUnknown = Code("path.unknown")
        /// The path has no such method.
        package static let methodNotAllowed = Code("path.method_not_allowed")
        /// The body is of a media type that is not understood.
        package static let mediaTypeUnknown = Code("request.media_type")
        /// The body is in a coding that is not decoded.
        package static let contentEncodingUnknown = Code("request.content_encoding")
        /// The body is not in the coding that its header names.
        package static let bodyEncodingInvalid = Code("request.body_encoding")
        /// The client expects something that the service does not do.
        package static let expectationUnknown = Code("request.expectation")
        /// The head of the request is too large.
        package static let headersTooLarge = Code("request.headers_too_large")
        /// None of the accepted media types is served.
        package static let notAcceptable = Code("request.not_acceptable")
        /// The path is one for WebSockets.
        package static let upgradeRequired = Code("upgrade.required")
        /// Only subprotocols that are not spoken here were offered.
        package static let subprotocolUnknown = Code("upgrade.subprotocol")
        /// The key of the WebSocket handshake is not 16 bytes in Base64.
        package static let keyInvalid = Code("upgrade.key")
        /// The version of the WebSocket protocol is not 13.
        package static let versionUnknown = Code("upgrade.version")
        /// Something went wrong that the client cannot act on; the service's log says what.
        package static let internalFailure = Code("server.failed")

        /// An order rule's code.
        package static func order(_ rule: OrderRule) -> Code { Code(rule.rawValue) }
        /// A wire error's code.
        package static func wire(_ code: WireError.Code) -> Code { Code(code.description) }

        init(_ code: AgentEventsError.Code) { self.init(code.rawValue) }

        package var description: String { rawValue }
    }
}

extension ProtocolError.Code {
    package static func ~= (code: Self, error: any Error) -> Bool { (error as? ProtocolError)?.code == code }
}
