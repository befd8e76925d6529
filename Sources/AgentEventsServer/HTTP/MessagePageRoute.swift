import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `GET /v1/threads/{t}/messages?before=&limit=`: the last messages of a thread, or those before an event, as its state has them.
struct MessagePageRoute: Sendable {
    static let parameters = ["before", "limit"]
    private static let defaultLimit = 50
    private static let maximumLimit = 200

    let hub: AgentEventsHub
    let access: RequestAccess

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let place = try StartPosition(text: request.parameter("before") ?? "now", path: nil)
        let limit = try Self.limit(request.parameter("limit"))
        do {
            let page = try await hub.reading(thread, for: principal) { record, _ async throws -> JSONValue in
                let reader = MessagePageReader(
                    log: hub.runtime.log, generation: hub.runtime.generation, thread: thread, record: record,
                    limit: limit)
                return try await reader.page(before: place)
            }
            return Response(status: .ok, json: page)
        } catch let error as EventLogError {
            throw ProtocolError(error, threadID: thread)
        }
    }

    private static func limit(_ text: String?) throws(ProtocolError) -> Int {
        guard let text else { return defaultLimit }
        guard let limit = Int(text), String(limit) == text, (1...maximumLimit).contains(limit) else {
            throw ProtocolError(.requestInvalid, "limit is a number from 1 to \(maximumLimit), in digits alone")
        }
        return limit
    }
}

/// Reads the complete messages of a thread backwards, from a place on: each is one event. However long the thread is, a request
/// looks at a bounded part of it; a page may have fewer messages than it has room for, also none, and more may come before it.
private struct MessagePageReader: Sendable {
    /// The events that are looked at together, and in all.
    private static let windowCount: UInt64 = 1000
    private static let maximumCount: UInt64 = 20_000
    /// A page ends here, whatever its limit; a single message of any size fits.
    private static let maximumByteCount = 4 * 1024 * 1024

    let log: any EventLog
    /// The log's, of this opening.
    let generation: UInt64
    let thread: ThreadID
    /// The record of the thread, as far as the reader may see it.
    let record: ThreadRecord
    let limit: Int

    private struct Found {
        let cursor: Cursor
        let json: JSONValue
    }

    /// - Throws: ``ProtocolError`` `cursor.diverged`, `cursor.trimmed`, `cursor.unknown`; ``EventLogError``.
    func page(before start: StartPosition) async throws -> JSONValue {
        let position = try await log.resolve(start, in: thread, record: record, generation: generation)
            .sequence(in: thread)
        var end = start == .now ? position : max(position, 1) - 1
        let lastRead = end > Self.maximumCount ? end - Self.maximumCount : 0
        // The newest first.
        var found: [Found] = []
        var byteCount = 0
        var previous: Cursor?
        while end >= record.oldest.sequence {
            guard end > lastRead else { return json(found, previous: previous) }
            let begin = max(record.oldest.sequence - 1, end > Self.windowCount ? end - Self.windowCount : 0)
            let window = try await read(after: begin, upTo: end)
            for message in window.messages.reversed() {
                let size = message.json.encoded().count
                guard found.isEmpty || found.count < limit && byteCount + size <= Self.maximumByteCount else {
                    return json(found, previous: found.last?.cursor)
                }
                found.append(message)
                byteCount += size
            }
            previous = window.first ?? previous
            end = begin
        }
        return json(found, previous: nil)
    }

    private func read(
        after begin: UInt64,
        upTo end: UInt64
    ) async throws(EventLogError) -> (messages: [Found], first: Cursor?) {
        var messages: [Found] = []
        // Those of their events.
        var (sizes, byteCount) = ([Int](), 0)
        var first: Cursor?
        var position = begin
        while position < end {
            let page = try await log.read(
                LogRead(.thread(thread, after: position), maximumCount: Int(end - position)))
            guard let last = page.events.last else { break }
            for stored in page.events {
                first = first ?? stored.id
                guard let message = Self.message(try stored.decoded()) else { continue }
                messages.append(message)
                // The newest fill the page: what is before them is not held.
                byteCount += stored.bytes.count
                sizes.append(stored.bytes.count)
                while messages.count > limit + 1 || messages.count > 1 && byteCount - sizes[0] > Self.maximumByteCount {
                    messages.removeFirst()
                    byteCount -= sizes.removeFirst()
                }
            }
            position = last.id.sequence
        }
        return (messages, first)
    }

    /// The complete message that an event has, as a state of its thread has it.
    private static func message(_ event: AgentEvent) -> Found? {
        var isInterrupted = false
        switch event.payload {
        case .userMessage: break
        case .messageCompleted(let completed): isInterrupted = completed.isInterrupted
        default: return nil
        }
        guard let message = ThreadState(folding: [event]).messages.first?.json.objectValue else { return nil }
        var members: [(String, JSONValue)] = [("cursor", event.id.json)]
        members += message.map { ($0.key, $0.value) }
        if isInterrupted { members.append(("interrupted", true)) }
        return Found(cursor: event.id, json: .object(JSONObject(members)))
    }

    private func json(_ found: [Found], previous: Cursor?) -> JSONValue {
        let newest = found.first.map(\.cursor) ?? record.head
        let head = newest.sequence > record.head.sequence ? newest : record.head
        return [
            "thread_id": thread.json, "messages": .array(found.reversed().map(\.json)), "previous": previous.json,
            "head": head.json,
        ]
    }
}
