import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `GET /v1/threads?q=&status=&agent=&before=&limit=`: the threads that a principal may read.
struct ThreadListRoute: Sendable {
    static let parameters = ["q", "status", "agent", "before", "limit"]

    let hub: AgentEventsHub
    let access: RequestAccess

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let page = try await hub.threads(try Self.question(in: request), for: principal)
        return Response(
            status: .ok,
            json: [
                "threads": .array(page.threads), "next": page.next.map { .string(ThreadListPlace.text(of: $0)) } ?? nil,
            ])
    }

    private static func question(in request: Request) throws(ProtocolError) -> ThreadListRequest {
        let limits = ThreadListRequest.limits
        return ThreadListRequest(
            text: try text(request.parameter("q")),
            status: try request.parameter("status").map { (text) throws(ProtocolError) in try status(text) },
            agent: try request.parameter("agent").map { (text) throws(ProtocolError) in try agent(text) },
            before: try request.parameter("before").map { (text) throws(ProtocolError) in
                try ThreadListPlace.place(in: text)
            },
            limit: try request.parameter("limit").map { (text) throws(ProtocolError) in
                guard let limit = Int(text), String(limit) == text, (1...limits.maximum).contains(limit) else {
                    throw ProtocolError(.requestInvalid, "limit is a number from 1 to \(limits.maximum)")
                }
                return limit
            } ?? limits.standard)
    }

    private static func text(_ text: String?) throws(ProtocolError) -> String? {
        guard let text, !text.isEmpty else { return nil }
        guard text.utf8.count <= ThreadListRequest.maximumTextByteCount else {
            throw ProtocolError(
                .requestInvalid, "q is a text of at most \(ThreadListRequest.maximumTextByteCount) bytes")
        }
        return text
    }

    private static func agent(_ text: String) throws(ProtocolError) -> AgentName {
        guard let name = try? AgentName(text) else {
            throw ProtocolError(.requestInvalid, "agent is the name of an agent, and not \(text)")
        }
        return name
    }

    private static func status(_ text: String) throws(ProtocolError) -> ThreadStatus {
        guard let status = ThreadStatus(rawValue: text) else {
            let known = ThreadStatus.allCases.map(\.rawValue).joined(separator: ", ")
            throw ProtocolError(.requestInvalid, "status is one of \(known), and not \(text)")
        }
        return status
    }
}

/// The place of a page in a list, as clients carry it: the time and the id of the last thread before it, which the client knows.
/// Clients do not look into it.
enum ThreadListPlace {
    static func text(of place: CardPlace) -> String { "\(place.activity.milliseconds)-\(place.thread)" }

    /// - Throws: ``ProtocolError`` `cursor.invalid`.
    static func place(in text: String) throws(ProtocolError) -> CardPlace {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let milliseconds = Int64(parts[0]), String(milliseconds) == parts[0],
            let thread = try? ThreadID(parts[1])
        else {
            throw ProtocolError(.cursorInvalid, "before is next of the page before, as it came, and not \(text)")
        }
        return CardPlace(activity: Timestamp(milliseconds: milliseconds), thread: thread)
    }
}
