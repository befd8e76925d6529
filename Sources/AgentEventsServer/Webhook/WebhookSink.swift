public import AgentEvents
import AgentEventsHub
public import AsyncHTTPClient
import Crypto
import NIOCore
import NIOHTTP1
import Synchronization

/// Sends events to an address: one `POST` for each batch, signed, with a body of `{"events":[…]}` in which each event
/// has the exact bytes of the log.
///
/// ```swift
/// let webhook = try WebhookSink(url: "https://example.com/events", secret: secret)
/// let runtime = AgentRuntime(log: log, sinks: [DurableSink(webhook, deadLetters: DeadLetterFile(path: "refused.ndjson"))])
/// ```
///
/// A request has the headers
/// - `Content-Type: application/json`;
/// - `Agent-Events-Signature`, over the time and the body: ``WebhookSignature`` says how to verify it;
/// - `Idempotency-Key`: the same for the same events, whenever they are sent. A batch that comes again may be cut in
///   another way, and then has another key: a receiver that must not count anything twice looks at (`thread_id`,
///   `seq`).
///
/// Any answer of 2xx takes the batch; the answer's body is not looked at. Everything else is tried again, in order, as
/// the ``SinkRetryPolicy`` says: any other status, redirects (which are not followed) included, no answer, a broken
/// one, an error of TLS. 429 and 503 with `Retry-After`, in seconds or as a date, make the sink wait for that long, up
/// to an hour, and do not count as attempts; with a time that has passed they are as without it. 410 stops the sink
/// until the next start. `DurableSink` says when an event is set aside.
///
/// When a thread was deleted the receiver is told by a request with the body
/// `{"events":[],"deletions":[{"type":"thread_deleted","thread_id":…,"time":…}]}`, which is taken, or tried again, like one with
/// events. No event of the thread follows it.
///
/// With a choice of events the receiver gets those and no others, in the same order, and a batch without any is passed over in
/// silence: the sink is as far as it would be with all. Only a receiver that has refused the last request is asked by an empty list,
/// `{"events":[]}`, so that it is known whether it takes anything at all. Deletions are always told.
///
/// One request is under way at a time. It is not cut short when the runtime stops, but by its time limit.
public struct WebhookSink: EventSink {
    /// The shortest secret, in bytes.
    public static let minimumSecretByteCount = 16

    public let name: String
    private let url: String
    private let secret: [UInt8]
    private let headers: HTTPHeaders
    /// `nil` for all.
    private let events: Set<EventType>?
    private let receiver = Receiver()
    private let timeLimit: TimeAmount
    private let client: HTTPClient
    private let clock: WallClock

    /// - Parameters:
    ///   - url: where events go, `https` or `http`.
    ///   - secret: known to the receiver, who checks the signature with it; at least 16 bytes.
    ///   - headers: sent with each request, such as `Authorization`.
    ///   - events: the types of events that are sent, such as `EventType.runEnds` and `approvalRequested`, so that a phone need not
    ///     know of the rest. `nil` for all, also those that this version does not know. Default: `nil`.
    ///   - timeout: the longest time that a request takes in all. Default: 10 seconds.
    ///   - client: makes the requests; its owner shuts it down. Default: the shared one.
    ///   - clock: tells the time that is signed.
    /// - Throws: ``WebhookError``: `webhook.url_invalid`, `webhook.secret_too_short`.
    public init(
        name: String = "webhook",
        url: String,
        secret: [UInt8],
        headers: [String: String] = [:],
        events: Set<EventType>? = nil,
        timeout: Duration = .seconds(10),
        client: HTTPClient = .shared,
        clock: WallClock = .system
    ) throws(WebhookError) {
        guard secret.count >= Self.minimumSecretByteCount else {
            throw WebhookError(
                .secretTooShort, "the secret has at least \(Self.minimumSecretByteCount) bytes, not \(secret.count)")
        }
        do {
            let scheme = try HTTPClient.Request(url: url).scheme
            guard scheme == "https" || scheme == "http" else {
                throw WebhookError(.urlInvalid, "the address begins with https:// or http://, not \(scheme)")
            }
        } catch let error as WebhookError {
            throw error
        } catch {
            throw WebhookError(.urlInvalid, "\(WebhookAnswer.shown(url)) is not an address: \(error)", cause: error)
        }
        self.name = name
        self.url = url
        self.secret = secret
        self.headers = HTTPHeaders(headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        self.events = events
        timeLimit = TimeAmount(timeout)
        self.client = client
        self.clock = clock
    }

    /// - Throws: ``WebhookError``: `webhook.refused`, `webhook.gone`, `webhook.unreachable`.
    public func receive(_ batch: SinkBatch) async throws {
        let chosen = chosen(of: batch)
        guard !chosen.events.isEmpty || receiver.hasRefused else { return }
        try await send(
            Self.body(of: chosen), idempotencyKey: Self.idempotencyKey(of: chosen.events.isEmpty ? batch : chosen))
    }

    private func chosen(of batch: SinkBatch) -> SinkBatch {
        guard let events else { return batch }
        return SinkBatch(
            events: batch.events.filter { event in
                EventGlance.type(of: event.bytes).map { events.contains($0) } ?? false
            })
    }

    /// What is known of the receiver, from one request to the next.
    private final class Receiver: Sendable {
        private let refused = Mutex(false)

        var hasRefused: Bool {
            get { refused.withLock { $0 } }
            set { refused.withLock { $0 = newValue } }
        }
    }

    private func send(_ body: [UInt8], idempotencyKey: String) async throws {
        // Until it has taken this one.
        receiver.hasRefused = true
        let answer: WebhookAnswer
        do {
            // By a future, which does not look at cancellation: the last batch of a runtime that stops is sent in a
            // cancelled task.
            answer = try await client.execute(
                request: request(with: body, idempotencyKey), delegate: WebhookResponse(clock: clock),
                deadline: .now() + timeLimit
            ).get()
        } catch let error as WebhookError {
            throw error
        } catch {
            throw WebhookError(.unreachable, "the receiver did not answer: \(error)", cause: error)
        }
        guard answer.isTaken else { throw WebhookError.refused(by: answer, now: clock.now()) }
        receiver.hasRefused = false
    }

    private func request(with body: [UInt8], _ idempotencyKey: String) throws -> HTTPClient.Request {
        var headers = headers
        headers.replaceOrAdd(name: "Content-Type", value: "application/json")
        headers.replaceOrAdd(name: "Idempotency-Key", value: idempotencyKey)
        let signature = WebhookSignature(signing: body, secret: secret, time: clock.now())
        headers.replaceOrAdd(name: WebhookSignature.headerName, value: signature.headerValue)
        return try HTTPClient.Request(url: url, method: .POST, headers: headers, body: .bytes(body))
    }

    static func body(of batch: SinkBatch) -> [UInt8] {
        var body = Array("{\"events\":[".utf8)
        body.reserveCapacity(batch.events.reduce(body.count + 2) { $0 + $1.bytes.count + 1 })
        for (index, event) in batch.events.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += event.bytes
        }
        body += Array("]}".utf8)
        return body
    }

    /// A digest of which events these are.
    static func idempotencyKey(of batch: SinkBatch) -> String {
        var digest = SHA256()
        for event in batch.events { digest.update(data: Array("\(event.thread)/\(event.id)\n".utf8)) }
        return Hexadecimal.text(of: digest.finalize().prefix(16))
    }
}

extension WebhookSink: DeletionSink {
    public var erasure: SinkErasure { .passedOn }

    /// - Throws: ``WebhookError``, as for events.
    public func receive(_ deletion: ThreadDeletedRecord) async throws {
        var digest = SHA256()
        digest.update(data: Array("\(deletion.thread) \(ThreadDeletedRecord.typeName)\n".utf8))
        try await send(
            Self.body(of: deletion), idempotencyKey: Hexadecimal.text(of: digest.finalize().prefix(16)))
    }

    static func body(of deletion: ThreadDeletedRecord) -> [UInt8] {
        Array("{\"events\":[],\"deletions\":[".utf8) + deletion.encoded() + Array("]}".utf8)
    }
}
