import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// `GET /v1/threads/{t}/events?after=&before=&around=&limit=`: a page of a thread's events, in the bytes of the log.
struct EventPageRoute: Sendable {
    static let defaultLimit = 100
    static let maximumLimit = 1000

    let hub: AgentEventsHub
    let access: RequestAccess

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        if AcceptedForm.isEventStream(request.headers[values: .accept].flatMap { $0.split(separator: ",") }) {
            throw ProtocolError(
                .notAcceptable,
                "only GET gives a stream of events, at this path as it is written; a server that mounts the hub has to open "
                    + "its streams here (http1(agentEvents:path:)). Pages of events are application/json")
        }
        let place = try Self.place(of: request)
        let limit = try Self.limit(request.parameter("limit"))
        do {
            let json = try await hub.reading(thread, for: principal) { record, _ async throws -> ByteBuffer in
                let reader = EventPageReader(
                    log: hub.runtime.log, generation: hub.runtime.generation, thread: thread, record: record,
                    limit: limit)
                return try await reader.page(place)
            }
            return Response(status: .ok, json: json)
        } catch let error as EventLogError {
            throw ProtocolError(error, threadID: thread)
        }
    }

    private static func place(of request: Request) throws(ProtocolError) -> EventPagePlace {
        let named = ["after", "before", "around"].filter { request.parameter($0) != nil }
        guard named.count < 2 else {
            throw ProtocolError(.requestInvalid, "a page is one thing: \(named.joined(separator: " or "))")
        }
        if let before = request.parameter("before") { return .before(try StartPosition(text: before, path: nil)) }
        if let around = request.parameter("around") {
            guard case .after(let cursor) = try StartPosition(text: around, path: nil) else {
                throw ProtocolError(.cursorInvalid, "around is the id of an event, such as 3-42, and not \(around)")
            }
            return .around(cursor)
        }
        guard let after = request.parameter("after") else { return .after(.start) }
        return .after(try StartPosition(text: after, path: nil))
    }

    static func limit(_ text: String?) throws(ProtocolError) -> Int {
        guard let text else { return defaultLimit }
        guard let limit = Int(text), String(limit) == text, (1...maximumLimit).contains(limit) else {
            throw ProtocolError(.requestInvalid, "limit is a number from 1 to \(maximumLimit), in digits alone")
        }
        return limit
    }
}
