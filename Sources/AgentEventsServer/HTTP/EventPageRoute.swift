import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// `GET /v1/threads/{t}/events?after=&limit=`: a page of a thread's events, in the bytes of the log.
struct EventPageRoute: Sendable {
    static let defaultLimit = 100
    static let maximumLimit = 1000
    /// A page ends here, whatever its limit; a single event of any size fits.
    private static let maximumPageByteCount = 4 * 1024 * 1024

    let hub: AgentEventsHub
    let access: RequestAccess

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        if request.headers[.accept] == "text/event-stream" {
            throw ProtocolError(
                .notAcceptable, "events are served here as pages of JSON, and live at \(StreamProtocol.path)")
        }
        let start = try request.parameter("after").map { text throws(ProtocolError) in
            try StartPosition(text: text, path: nil)
        }
        let limit = try Self.limit(request.parameter("limit"))
        do {
            let json = try await hub.reading(thread, for: principal) { record, _ async throws -> ByteBuffer in
                try await page(of: thread, record, start: start ?? .start, limit: limit)
            }
            return Response(status: .ok, json: json)
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

    private func page(
        of thread: ThreadID,
        _ record: ThreadRecord,
        start: StartPosition,
        limit: Int
    ) async throws -> ByteBuffer {
        let log = hub.runtime.log
        let after: UInt64
        switch try await log.resolve(start, in: thread, record: record, generation: hub.runtime.generation) {
        case .position(let position):
            after = position
        case .diverged:
            throw ProtocolError(
                .cursorDiverged,
                "the cursor is of another history of this thread than the log has: read again from the start",
                threadID: thread)
        case .trimmed:
            throw Self.trimmed(thread)
        case .unknown:
            throw ProtocolError(
                .cursorUnknown, "the cursor is beyond the end of this thread: read again from the start",
                threadID: thread)
        }
        let page = try await log.read(
            LogRead(
                .thread(thread, after: after), maximumCount: limit, maximumByteCount: Self.maximumPageByteCount))
        // Trimmed since the cursor was looked up.
        if page.skipsTrimmed, case .after = start { throw Self.trimmed(thread) }
        return Self.encode(page, head: record.head)
    }

    private static func trimmed(_ thread: ThreadID) -> ProtocolError {
        ProtocolError(
            .cursorTrimmed, "the event of the cursor, and maybe later ones, were trimmed: read again from the start",
            threadID: thread)
    }

    /// - Parameter head: the thread's last event when the page was asked for; the page may have later ones.
    private static func encode(_ page: LogPage, head: EventID) -> ByteBuffer {
        let last = page.events.last?.id
        var buffer = ByteBuffer()
        buffer.reserveCapacity(page.events.reduce(64) { $0 + $1.bytes.count + 1 })
        buffer.writeString("{\"events\":[")
        for (index, event) in page.events.enumerated() {
            if index > 0 { buffer.writeString(",") }
            buffer.writeBytes(event.bytes)
        }
        let next = page.reachesEnd ? nil : last
        let latest = last.map { $0.sequence > head.sequence ? $0 : head } ?? head
        buffer.writeString("],\"next\":\(next.map { "\"\($0)\"" } ?? "null"),\"head\":\"\(latest)\"}")
        return buffer
    }
}
