import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import NIOHTTP1

/// A request for the events of a thread as they come: `GET /v1/threads/{t}/events` with `Accept: text/event-stream`.
struct EventStreamRequest: Sendable {
    /// The parameters that its query may have.
    static let parameters = ["after", "merge", "snapshot"]

    let path: String
    let query: RequestQuery
    let authorization: String?
    let origin: String?
    let host: String?
    let hasBody: Bool
    /// The version of HTTP that the client understands: one of 1.0 takes no body in chunks.
    let version: HTTPVersion
    /// Whether it is the question of a browser that comes before a request (a preflight).
    let isPreflight: Bool
    /// The id of the last event that the page has got; `nil` for one that comes for the first time.
    let lastEventID: String?
    private let threadSegment: String

    /// - Parameters:
    ///   - root: the path below which the hub is, without a slash at its end.
    ///   - takesPreflights: whether no route answers these.
    /// - Returns: `nil` when the request is another one.
    init?(_ head: HTTPRequestHead, below root: String, takesPreflights: Bool = false) {
        guard let path = Self.path(head.uri, below: root) else { return nil }
        isPreflight =
            takesPreflights && head.method == .OPTIONS && head.headers.contains(name: "access-control-request-method")
        let asks = head.method == .GET && AcceptedForm.isEventStream(head.headers[canonicalForm: "accept"])
        guard asks || isPreflight else { return nil }
        self.path = String(head.uri.prefix { $0 != "?" })
        threadSegment = path
        query = RequestQuery(text: head.uri.firstIndex(of: "?").map { String(head.uri[$0...].dropFirst()) })
        authorization = head.headers.first(name: "authorization")
        origin = head.headers.first(name: "origin")
        host = head.headers.first(name: "host")
        hasBody = head.hasBody
        version = head.version == .http1_0 ? .http1_0 : .http1_1
        lastEventID = head.headers.first(name: "last-event-id").flatMap { $0.isEmpty ? nil : $0 }
    }

    /// - Returns: the segment of the thread.
    private static func path(_ uri: String, below root: String) -> String? {
        let path = uri.prefix { $0 != "?" }
        let (start, end) = ("\(root)/threads/", "/events")
        guard path.hasPrefix(start), path.hasSuffix(end), path.utf8.count > start.utf8.count + end.utf8.count else {
            return nil
        }
        let segment = path.dropFirst(start.count).dropLast(end.count)
        return segment.contains("/") ? nil : String(segment)
    }

    /// The subscription that is asked for: after the last event that the page has got, or where its URL says, or from the start. A
    /// page that begins with `now`, and loses its connection before the first event, has no other cursor than that.
    ///
    /// - Throws: ``ProtocolError`` `request.invalid` or `cursor.invalid`.
    func subscription() throws(ProtocolError) -> SubscribeRequest {
        var request = SubscribeRequest(thread: try ThreadID(encoded: threadSegment, in: "the thread in the path"))
        request.merges = try flag("merge") ?? true
        if try flag("snapshot") ?? false { request.snapshot = .onReset }
        if let lastEventID {
            guard case .after(let cursor) = try StartPosition(text: lastEventID, path: nil) else {
                throw ProtocolError(
                    .cursorInvalid, "Last-Event-ID is the id of an event, such as 3-42, and not \(lastEventID)")
            }
            request.start = .after(cursor)
            return request
        }
        let after = query.parameter("after")
        if after == "snapshot" {
            request.snapshot = .atStart
            return request
        }
        request.start =
            try after.map { text throws(ProtocolError) in try StartPosition(text: text, path: nil) } ?? .start
        if request.start == .now, request.snapshot == .onReset {
            request.start = nil
            request.snapshot = .atStart
        }
        return request
    }

    private func flag(_ name: String) throws(ProtocolError) -> Bool? {
        switch query.parameter(name) {
        case nil: return nil
        case "true": return true
        case "false": return false
        default: throw ProtocolError(.requestInvalid, "\(name) is true or false")
        }
    }
}

/// The form in which a client takes events (RFC 9110, section 12.5.1).
enum AcceptedForm {
    /// Whether a client wants events as they come, and not a page of them as JSON: it names `text/event-stream`, and JSON not
    /// before it, or with less weight.
    ///
    /// - Parameter ranges: those of the header `Accept`.
    static func isEventStream(_ ranges: some Collection<some StringProtocol>) -> Bool {
        var stream = 0.0
        var json = 0.0
        for range in ranges {
            let parts = range.lowercased().split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            guard let type = parts.first else { continue }
            let weightText = parts.dropFirst().first { $0.hasPrefix("q=") }
            guard let weight = weightText.map({ Double(weight: $0) }) ?? 1 else { continue }
            switch type {
            case "text/event-stream":
                guard weight > json else { return false }
                stream = max(stream, weight)
            case "application/json":
                // With the same weight the first one counts.
                guard weight > stream || stream == 0 else { continue }
                json = max(json, weight)
            default: break
            }
        }
        return stream > 0 && stream > json
    }
}
