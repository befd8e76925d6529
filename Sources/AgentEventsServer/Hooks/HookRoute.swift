import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

extension ServiceExtension {
    /// Takes what other systems send: `POST /v1/hooks/{id}`.
    ///
    /// - Parameter hooks: each with an id of its own; of two with the same the later counts.
    public static func hooks(_ hooks: [IncomingHook]) -> ServiceExtension {
        ServiceExtension { interface, router in
            let route = HookRoute(
                hub: interface.hub, hooks: Dictionary(hooks.map { ($0.id, $0) }) { _, later in later })
            interface.add(
                "v1/hooks/:hook", [.init(.post) { try await route.respond(to: $0, $1) }], to: router)
            return []
        }
    }
}

/// `POST /v1/hooks/{hook}`.
struct HookRoute: Sendable {
    /// The largest delivery, in bytes.
    private static let maximumBodyByteCount = 1024 * 1024

    let hub: AgentEventsHub
    let hooks: [HookID: IncomingHook]
    /// That of a hook that is not there: nothing is signed with it, so a caller cannot tell such a hook from others.
    private let unknownSecret: [UInt8]

    init(hub: AgentEventsHub, hooks: [HookID: IncomingHook]) {
        self.hub = hub
        self.hooks = hooks
        let environment = hub.runtime.environment
        unknownSecret = (0..<32).map { _ in UInt8(truncatingIfNeeded: environment.randomNumber()) }
    }

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let id: HookID = try request.pathIdentifier("hook", context, "the hook in the path")
        let known = hooks[id]
        let ticket = ConnectionTicket.current ?? ConnectionTicket(usage: hub.usage)
        // Before the body is asked for.
        if let refusal = hub.usage.refusalOfCredentials(from: ticket.address) { throw refusal }
        guard let signature = HookSignature(request.headers) else {
            hub.usage.recordAuthenticationFailure(from: ticket.address)
            throw ProtocolError(
                .hookSignatureInvalid,
                "a delivery is signed: with webhook-id, webhook-timestamp and webhook-signature, or \(WebhookSignature.headerName)"
            )
        }
        let body = try await request.bodyBytes(upTo: Self.maximumBodyByteCount)
        let (hook, delivery) = try ticket.check { () throws(ProtocolError) in
            do throws(WebhookError) {
                let delivery = try signature.verify(
                    body, secret: known?.secret ?? unknownSecret, now: hub.runtime.environment.wallClock.now())
                guard let known else {
                    throw WebhookError(.signatureWrong, "the delivery was not signed with this secret, or was changed")
                }
                return (known, delivery)
            } catch {
                throw ProtocolError(.hookSignatureInvalid, error.message)
            }
        }
        let principal = Principal(
            user: hook.user, scopes: [.command, .open, .emit], actsAs: .listed([hook.user]))
        if let refusal = hub.usage.request(of: principal) { throw refusal }
        let answer = try await take(Self.json(body), of: hook, key: Self.key(hook.id, delivery), as: principal)
        return MessageRoute.response(answer)
    }

    private func take(
        _ body: JSONValue,
        of hook: IncomingHook,
        key: IdempotencyKey,
        as principal: Principal
    ) async throws(ProtocolError) -> MessageIntake.Answer {
        let thread: ThreadID
        let text: String
        do throws(HookTemplate.Fault) {
            text = try hook.thread.text(body)
        } catch {
            throw ProtocolError(error)
        }
        do throws(IdentifierError) {
            thread = try ThreadID(text)
        } catch {
            throw ProtocolError(.hookBodyInvalid, "the body leads to no thread: \(error.message)")
        }
        switch hook.action {
        case .message(let template):
            let text: String
            do throws(HookTemplate.Fault) {
                text = try template.text(body)
            } catch {
                throw ProtocolError(error)
            }
            guard !text.isEmpty else {
                throw ProtocolError(.hookBodyInvalid, "the template of this hook makes an empty message of the body")
            }
            let message = MessageRequest(text: text, agent: hook.agent, policy: hook.policy)
            return try await hub.intake.submit(message, key: key, in: thread, from: principal)
        case .start(let template):
            let input: JSONValue
            do throws(HookTemplate.Fault) {
                input = try template.value(body)
            } catch {
                throw ProtocolError(error)
            }
            let start = StartRequest(agent: hook.agent, input: input, policy: hook.policy)
            return try await hub.intake.start(start, key: key, in: thread, from: principal)
        }
    }

    private static func json(_ body: [UInt8]) throws(ProtocolError) -> JSONValue {
        do throws(WireError) {
            return try JSONValue(parsing: body)
        } catch {
            throw ProtocolError(.hookBodyInvalid, "the body is JSON: \(error.problem)", path: error.path)
        }
    }

    /// The key of a delivery, whatever characters its id has.
    private static func key(_ hook: HookID, _ delivery: String) -> IdempotencyKey {
        // An id has no space in it.
        let digits = Hexadecimal.text(of: SHA256Hash.hash(Array("\(hook) \(delivery)".utf8)).prefix(16))
        return IdempotencyKey(text: IdentifierText(unchecked: "hook~\(digits)"))
    }
}

extension ProtocolError {
    fileprivate init(_ fault: HookTemplate.Fault) {
        self.init(.hookBodyInvalid, fault.message, path: fault.path)
    }
}
