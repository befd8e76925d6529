public import AgentEvents

extension ProtocolError {
    /// Dotted and stable. The codes of order, wire, log and sink errors are those of the core; a code that this version does
    /// not know is kept as it was sent.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The codes that are of no other part.
        package enum Name: String, CaseIterable, Sendable {
            case messageInvalid = "message.invalid"
            case requestInvalid = "request.invalid"
            case operationUnknown = "op.unknown"
            case operationUnsupported = "op.unsupported"
            case cursorInvalid = "cursor.invalid"
            case cursorDiverged = "cursor.diverged"
            case cursorTrimmed = "cursor.trimmed"
            case cursorUnknown = "cursor.unknown"
            case keyConflict = "key.conflict"
            case emptyBatch = "event.empty_batch"
            case batchTooLarge = "limits.batch_events"
            case bodyTooLarge = "limits.body_bytes"
            case messageTooLarge = "limits.message_bytes"
            case tooManySubscriptions = "limits.subscriptions"
            case rateLimited = "limits.rate"
            case tooManyConnects = "limits.connects"
            case tooManyConnections = "limits.connections"
            case tooManyUserConnections = "limits.user_connections"
            case tooManyAuthenticationFailures = "limits.auth_failures"
            case tooManyThreads = "limits.threads"
            case tooManyMessages = "limits.messages"
            case storageLimit = "limits.storage"
            case storageFull = "server.storage"
            case threadForbidden = "thread.forbidden"
            case threadDeleted = "thread.deleted"
            case deletionUnknown = "deletion.unknown"
            case deletionUnsupported = "deletion.unsupported"
            case threadUnknown = "thread.unknown"
            case agentUnknown = "agent.unknown"
            case approvalForbidden = "approval.forbidden"
            case approvalUnknown = "approval.unknown"
            case approvalResolved = "approval.resolved"
            case approvalExpired = "approval.expired"
            case approvalDataInvalid = "approval.data_invalid"
            case agentsBusy = "agents.busy"
            case threadBusy = "thread.busy"
            case threadQueueFull = "thread.queue_full"
            case userQueueFull = "user.queue_full"
            case policyNotAllowed = "policy.not_allowed"
            case stopping = "server.stopping"
            case scopeMissing = "auth.scope_missing"
            case originForbidden = "origin.forbidden"
            case hostForbidden = "origin.host_forbidden"
            case pathUnknown = "path.unknown"
            case methodNotAllowed = "path.method_not_allowed"
            case mediaTypeUnknown = "request.media_type"
            case contentEncodingUnknown = "request.content_encoding"
            case bodyEncodingInvalid = "request.body_encoding"
            case expectationUnknown = "request.expectation"
            case headersTooLarge = "request.headers_too_large"
            case requestTimedOut = "request.timeout"
            case notAcceptable = "request.not_acceptable"
            case upgradeRequired = "upgrade.required"
            case subprotocolUnknown = "upgrade.subprotocol"
            case keyInvalid = "upgrade.key"
            case versionUnknown = "upgrade.version"
            case internalFailure = "server.failed"
            case subscriptionExists = "subscription.exists"
            case subscriptionUnknown = "subscription.unknown"
            case acknowledgementNotSent = "ack.not_sent"
            case acknowledgementNotStored = "ack.not_stored"
            case consumerUnsupported = "consumer.unsupported"
            case authenticationMissing = "auth.missing"
            case authenticationInvalid = "auth.invalid"
            case authenticationExpired = "auth.expired"
            case authenticationRevoked = "auth.revoked"
            case subjectChanged = "auth.subject_changed"
            case authenticationInURL = "auth.in_url"
            case authorizationUnavailable = "auth.unavailable"
            case notRunning = "runtime.not_running"
            case runDeadline = "run.deadline"
            case toolTimedOut = "tool.timed_out"
            case retentionUnsupported = "retention.unsupported"
            case commandUnknown = "command.unknown"
            case commandUnsupported = "command.unsupported"
            case commandInvalid = "command.invalid"
            case commandKeyMissing = "command.key_missing"
            case runUnknown = "run.unknown"
            case runNotStarted = "run.not_started"
            case runNotOpen = "run.not_open"
            case runPaused = "run.paused"
            case tooManyCommands = "limits.commands"
            case memberUnknown = "member.unknown"
            case memberForbidden = "member.forbidden"
            case memberUnsupported = "member.unsupported"
            case tooManyMembers = "limits.members"
            case tooManyLinks = "limits.links"
            case threadsUnlisted = "threads.unlisted"
            case threadsBehind = "threads.behind"
            case stateTooFar = "state.too_far"
            case workerAgentTaken = "worker.agent_taken"
            case leaseLost = "lease.lost"
            case leaseUnknown = "lease.unknown"
            case stateConflict = "state.conflict"
            case stateForbidden = "state.forbidden"
            case stateUnknownSpace = "state.unknown_space"
            case stateTooManyKeys = "state.too_many_keys"
            case stateValueTooLarge = "state.value_too_large"
            case scheduleInvalid = "schedule.invalid"
            case scheduleUnknown = "schedule.unknown"
            case scheduleUnsupported = "schedule.unsupported"
            case tooManySchedules = "limits.schedules"
            case hookUnknown = "hook.unknown"
            case hookSignatureInvalid = "hook.signature"
            case hookBodyInvalid = "hook.invalid"
        }

        /// A code, by the part that it is of.
        package enum Value: Hashable, Sendable {
            case named(Name)
            case order(OrderRule)
            case wire(WireError.Code)
            case log(EventLogError.Code)
            case sink(SinkError.Code)
            case unrecognized(String)
        }

        package let value: Value

        private init(name: Name) { value = .named(name) }
        private init(value: Value) { self.value = value }

        /// Reads a code as it stands on the wire.
        public init(rawValue: String) {
            if let name = Name(rawValue: rawValue) {
                value = .named(name)
            } else if let rule = OrderRule(rawValue: rawValue) {
                value = .order(rule)
            } else if let code = WireError.Code(rawValue: rawValue) {
                value = .wire(code)
            } else if let code = EventLogError.Code(rawValue: rawValue) {
                value = .log(code)
            } else if let code = SinkError.Code(rawValue: rawValue) {
                value = .sink(code)
            } else {
                value = .unrecognized(rawValue)
            }
        }

        /// The code as it stands on the wire.
        public var rawValue: String {
            switch value {
            case .named(let name): name.rawValue
            case .order(let rule): rule.rawValue
            case .wire(let code): code.description
            case .log(let code): code.description
            case .sink(let code): code.description
            case .unrecognized(let text): text
            }
        }

        /// A message lacks a member, or has one of the wrong type or value.
        public static let messageInvalid = Code(name: .messageInvalid)
        /// A query parameter, a header or the path of an HTTP request is wrong.
        public static let requestInvalid = Code(name: .requestInvalid)
        /// There is no such op.
        public static let operationUnknown = Code(name: .operationUnknown)
        /// The op, or a way to use it, is part of the protocol and not of this service.
        public static let operationUnsupported = Code(name: .operationUnsupported)
        /// A cursor is not well formed.
        public static let cursorInvalid = Code(name: .cursorInvalid)
        /// A cursor is of another history than the log has.
        public static let cursorDiverged = Code(name: .cursorDiverged)
        /// A cursor is older than what is kept of the thread.
        public static let cursorTrimmed = Code(name: .cursorTrimmed)
        /// A cursor is beyond the thread's last event, and nobody can have been given it.
        public static let cursorUnknown = Code(name: .cursorUnknown)
        /// An idempotency key was used for another request.
        public static let keyConflict = Code(name: .keyConflict)
        /// A request without events.
        public static let emptyBatch = Code(name: .emptyBatch)
        /// A request with too many events.
        public static let batchTooLarge = Code(name: .batchTooLarge)
        /// A request body that is too large.
        public static let bodyTooLarge = Code(name: .bodyTooLarge)
        /// A message that is too large.
        public static let messageTooLarge = Code(name: .messageTooLarge)
        /// Too many subscriptions on one connection.
        public static let tooManySubscriptions = Code(name: .tooManySubscriptions)
        /// More messages or requests than a client may send in a while.
        public static let rateLimited = Code(name: .rateLimited)
        /// An address opens connections too often.
        public static let tooManyConnects = Code(name: .tooManyConnects)
        /// Too many connections: of an address, or in all.
        public static let tooManyConnections = Code(name: .tooManyConnections)
        /// Too many connections of one user.
        public static let tooManyUserConnections = Code(name: .tooManyUserConnections)
        /// Too many requests of an address had credentials that do not count.
        public static let tooManyAuthenticationFailures = Code(name: .tooManyAuthenticationFailures)
        /// A user opens threads too often.
        public static let tooManyThreads = Code(name: .tooManyThreads)
        /// A user sends messages to agents too often.
        public static let tooManyMessages = Code(name: .tooManyMessages)
        /// The threads of one user have as many bytes as they may.
        public static let storageLimit = Code(name: .storageLimit)
        /// The disk of the service is nearly full: it is read only.
        public static let storageFull = Code(name: .storageFull)
        /// The thread belongs to another user than the one that the request names.
        public static let threadForbidden = Code(name: .threadForbidden)
        /// The thread was deleted, and its id is not used again.
        public static let threadDeleted = Code(name: .threadDeleted)
        /// The thread was not deleted.
        public static let deletionUnknown = Code(name: .deletionUnknown)
        /// The service's log does not delete threads.
        public static let deletionUnsupported = Code(name: .deletionUnsupported)
        /// There is no such thread and it may not be opened, or the credentials do not allow to use it.
        public static let threadUnknown = Code(name: .threadUnknown)
        /// No agent of that name is served.
        public static let agentUnknown = Code(name: .agentUnknown)
        /// An answer to a request for approval by one who may not give it.
        public static let approvalForbidden = Code(name: .approvalForbidden)
        /// An answer is for a request for approval that was never made, or was resolved long ago.
        public static let approvalUnknown = Code(name: .approvalUnknown)
        /// A request for approval has another answer already.
        public static let approvalResolved = Code(name: .approvalResolved)
        /// A request for approval has expired.
        public static let approvalExpired = Code(name: .approvalExpired)
        /// An answer whose data does not fit the request.
        public static let approvalDataInvalid = Code(name: .approvalDataInvalid)
        /// As many agents run, and as many runs are queued, as may.
        public static let agentsBusy = Code(name: .agentsBusy)
        /// A run is open or queued in the thread, and the policy is to reject what comes then.
        public static let threadBusy = Code(name: .threadBusy)
        /// As many runs are queued in the thread as may be.
        public static let threadQueueFull = Code(name: .threadQueueFull)
        /// As many runs of the user are queued as may be.
        public static let userQueueFull = Code(name: .userQueueFull)
        /// The agent does not take the policy that the request asks for.
        public static let policyNotAllowed = Code(name: .policyNotAllowed)
        /// The service is about to stop.
        public static let stopping = Code(name: .stopping)
        /// The credentials do not allow this.
        public static let scopeMissing = Code(name: .scopeMissing)
        /// A browser's page from another origin.
        public static let originForbidden = Code(name: .originForbidden)
        /// The request is for a host that this service does not answer for.
        public static let hostForbidden = Code(name: .hostForbidden)
        /// No such path.
        public static let pathUnknown = Code(name: .pathUnknown)
        /// The path has no such method.
        public static let methodNotAllowed = Code(name: .methodNotAllowed)
        /// The body is of a media type that is not understood.
        public static let mediaTypeUnknown = Code(name: .mediaTypeUnknown)
        /// The body is in a coding that is not decoded.
        public static let contentEncodingUnknown = Code(name: .contentEncodingUnknown)
        /// The body is not in the coding that its header names.
        public static let bodyEncodingInvalid = Code(name: .bodyEncodingInvalid)
        /// The client expects something that the service does not do.
        public static let expectationUnknown = Code(name: .expectationUnknown)
        /// The head of the request is too large.
        public static let headersTooLarge = Code(name: .headersTooLarge)
        /// The request did not come in the time that it has.
        public static let requestTimedOut = Code(name: .requestTimedOut)
        /// None of the accepted media types is served.
        public static let notAcceptable = Code(name: .notAcceptable)
        /// The path is one for WebSockets.
        public static let upgradeRequired = Code(name: .upgradeRequired)
        /// Only subprotocols that are not spoken here were offered.
        public static let subprotocolUnknown = Code(name: .subprotocolUnknown)
        /// The key of the WebSocket handshake is not 16 bytes in Base64.
        public static let keyInvalid = Code(name: .keyInvalid)
        /// The version of the WebSocket protocol is not 13.
        public static let versionUnknown = Code(name: .versionUnknown)
        /// Something went wrong that the client cannot act on; the service's log says what.
        public static let internalFailure = Code(name: .internalFailure)
        /// The connection follows the thread already.
        public static let subscriptionExists = Code(name: .subscriptionExists)
        /// The connection does not follow the thread.
        public static let subscriptionUnknown = Code(name: .subscriptionUnknown)
        /// An acknowledgement of something that was not sent on this connection.
        public static let acknowledgementNotSent = Code(name: .acknowledgementNotSent)
        /// Acknowledgements cannot be stored at the moment.
        public static let acknowledgementNotStored = Code(name: .acknowledgementNotStored)
        /// The service's log stores no acknowledgements.
        public static let consumerUnsupported = Code(name: .consumerUnsupported)
        /// There are no credentials.
        public static let authenticationMissing = Code(name: .authenticationMissing)
        /// The credentials are not what they should be.
        public static let authenticationInvalid = Code(name: .authenticationInvalid)
        /// The credentials counted once.
        public static let authenticationExpired = Code(name: .authenticationExpired)
        /// The credentials were revoked before their end.
        public static let authenticationRevoked = Code(name: .authenticationRevoked)
        /// The credentials that were to replace those of a connection are of another user or issuer.
        public static let subjectChanged = Code(name: .subjectChanged)
        /// A token stands in the URL, where proxies and logs keep it.
        public static let authenticationInURL = Code(name: .authenticationInURL)
        /// What the credentials allow in the thread could not be found out; the same request may succeed later.
        public static let authorizationUnavailable = Code(name: .authorizationUnavailable)
        /// The runtime of the service is not running.
        public static let notRunning = Code(name: .notRunning)
        /// The run was ended at its deadline.
        public static let runDeadline = Code(name: .runDeadline)
        /// The tool call was ended at its time limit.
        public static let toolTimedOut = Code(name: .toolTimedOut)
        /// The log cannot trim.
        public static let retentionUnsupported = Code(name: .retentionUnsupported)
        /// There is no command of that name.
        public static let commandUnknown = Code(name: .commandUnknown)
        /// The command is one of the protocol that the service, or the agent, does not take.
        public static let commandUnsupported = Code(name: .commandUnsupported)
        /// The data of a command is not what it takes.
        public static let commandInvalid = Code(name: .commandInvalid)
        /// A command without an idempotency key.
        public static let commandKeyMissing = Code(name: .commandKeyMissing)
        /// A command names a run that was never in the thread.
        public static let runUnknown = Code(name: .runUnknown)
        /// A command is for a run that is queued and has not started.
        public static let runNotStarted = Code(name: .runNotStarted)
        /// A command is for a run that has ended.
        public static let runNotOpen = Code(name: .runNotOpen)
        /// A command is for a run that is paused, and takes none like it until it is resumed.
        public static let runPaused = Code(name: .runPaused)
        /// Too many commands in a second on one connection.
        public static let tooManyCommands = Code(name: .tooManyCommands)
        /// Somebody is not a member of the thread.
        public static let memberUnknown = Code(name: .memberUnknown)
        /// A member is to get a role that the one who asks does not have.
        public static let memberForbidden = Code(name: .memberForbidden)
        /// The service keeps no members of threads, or makes no share links.
        public static let memberUnsupported = Code(name: .memberUnsupported)
        /// Too many members of one thread.
        public static let tooManyMembers = Code(name: .tooManyMembers)
        /// Too many share links of one thread.
        public static let tooManyLinks = Code(name: .tooManyLinks)

        /// There is no list of the threads that these credentials may read.
        public static let threadsUnlisted = Code(name: .threadsUnlisted)
        /// The list of threads is being made, and is not complete yet.
        public static let threadsBehind = Code(name: .threadsBehind)
        /// The state as of an event would take too many events to work out.
        public static let stateTooFar = Code(name: .stateTooFar)

        /// A worker offers to work for an agent that works in the service itself.
        public static let workerAgentTaken = Code(name: .workerAgentTaken)
        /// A lease is over, or is not that of the run: its worker lets go of the run.
        public static let leaseLost = Code(name: .leaseLost)
        /// No lease of this worker has the id.
        public static let leaseUnknown = Code(name: .leaseUnknown)

        /// A value of a context has another version than its change is for.
        public static let stateConflict = Code(name: .stateConflict)
        /// A value of a context is changed by somebody who may not, or is one that only the service writes.
        public static let stateForbidden = Code(name: .stateForbidden)
        /// There is no such context, or it is not for the one who asks.
        public static let stateUnknownSpace = Code(name: .stateUnknownSpace)
        /// A context has as many values as it may.
        public static let stateTooManyKeys = Code(name: .stateTooManyKeys)
        /// A value of a context, or all of them together, would be too large.
        public static let stateValueTooLarge = Code(name: .stateValueTooLarge)
        /// A schedule has a cron expression, a zone or an input that is not what it should be.
        public static let scheduleInvalid = Code(name: .scheduleInvalid)
        /// The user has no schedule of this id.
        public static let scheduleUnknown = Code(name: .scheduleUnknown)
        /// The service keeps no schedules, or this one is given by its application.
        public static let scheduleUnsupported = Code(name: .scheduleUnsupported)
        /// The user, or the service, has as many schedules as it may have.
        public static let tooManySchedules = Code(name: .tooManySchedules)
        /// There is no such hook.
        public static let hookUnknown = Code(name: .hookUnknown)
        /// A delivery to a hook was not signed with its secret, or not lately.
        public static let hookSignatureInvalid = Code(name: .hookSignatureInvalid)
        /// The body of a delivery is not what the hook makes a message or a run of.
        public static let hookBodyInvalid = Code(name: .hookBodyInvalid)

        /// An order rule's code.
        public static func order(_ rule: OrderRule) -> Code { Code(value: .order(rule)) }
        /// A wire error's code.
        public static func wire(_ code: WireError.Code) -> Code { Code(value: .wire(code)) }
        /// A log error's code.
        public static func log(_ code: EventLogError.Code) -> Code { Code(value: .log(code)) }

        init(_ code: AgentEventsError.Code) {
            self =
                switch code.value {
                case .threadForbidden: .threadForbidden
                case .threadDeleted: .threadDeleted
                case .deletionUnsupported: .deletionUnsupported
                case .storageLimit: .storageLimit
                case .storageFull: .storageFull
                case .cursorDiverged: .cursorDiverged
                case .cursorTrimmed: .cursorTrimmed
                case .cursorUnknown: .cursorUnknown
                case .retentionUnsupported: .retentionUnsupported
                case .notRunning: .notRunning
                case .runDeadline: .runDeadline
                case .toolTimedOut: .toolTimedOut
                case .emptyBatch: .emptyBatch
                case .keyConflict: .keyConflict
                case .runUnknown: .runUnknown
                case .runNotStarted: .runNotStarted
                case .runNotOpen: .runNotOpen
                case .runPaused: .runPaused
                case .commandUnsupported: .commandUnsupported
                case .commandInvalid: .commandInvalid
                case .approvalUnknown: .approvalUnknown
                case .approvalResolved: .approvalResolved
                case .approvalExpired: .approvalExpired
                case .approvalForbidden: .approvalForbidden
                case .approvalDataInvalid: .approvalDataInvalid
                case .leaseLost: .leaseLost
                case .stateConflict: .stateConflict
                case .stateForbidden: .stateForbidden
                case .stateUnknownSpace: .stateUnknownSpace
                case .stateTooManyKeys: .stateTooManyKeys
                case .stateValueTooLarge: .stateValueTooLarge
                case .order(let rule): .order(rule)
                case .wire(let code): .wire(code)
                case .log(let code): .log(code)
                case .sink(let code): Code(value: .sink(code))
                }
        }

        public var description: String { rawValue }
    }
}

extension ProtocolError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? ProtocolError)?.code == code }
}
