import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `/v1/threads/{t}/members` and `/v1/threads/{t}/links`: who may use a thread besides the user whose it is.
struct MembersRoute: Sendable {
    /// More than any body about a member has.
    private static let maximumBodyByteCount = 16 * 1024

    let hub: AgentEventsHub
    let access: RequestAccess

    func list(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let members = try await intake(thread).all(of: thread, for: principal)
        return Response(status: .ok, json: ["members": .array(members.map(\.json))])
    }

    func find(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let (thread, subject) = try place(request, context)
        return Response(
            status: .ok, json: try await intake(thread).member(subject, of: thread, for: principal).json)
    }

    func put(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let (thread, subject) = try place(request, context)
        let intake = try intake(thread)
        // Before the body is asked for.
        try await intake.checkAccess(to: thread, for: principal)
        let body = try MemberRequest.decode(
            try await request.bodyBytes(upTo: Self.maximumBodyByteCount), isLink: false)
        let member = try await intake.put(subject, in: thread, body, for: principal)
        keep("member.granted", member, in: thread, by: principal)
        return Response(status: .ok, json: member.json)
    }

    func remove(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let (thread, subject) = try place(request, context)
        try await intake(thread).remove(subject, from: thread, for: principal)
        keep("member.removed", ["thread": thread.json, "subject": .string("\(subject)")], by: principal)
        return Response(status: .noContent)
    }

    func makeLink(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let intake = try intake(thread)
        // Before the body is asked for.
        try await intake.checkAccess(to: thread, for: principal)
        let body = try MemberRequest.decode(
            try await request.bodyBytes(upTo: Self.maximumBodyByteCount), isLink: true)
        let made = try await intake.makeLink(to: thread, body, for: principal)
        keep("link.made", made.member, in: thread, by: principal)
        var json = made.member.json.objectValue ?? [:]
        json["token"] = .string(made.token)
        json["url"] = .string(request.url(besides: "links", "members/\(made.member.subject)"))
        return Response(status: .created, json: .object(json))
    }

    /// Has it kept who may use a thread from now on, and who said so.
    private func keep(_ what: String, _ member: ThreadMember, in thread: ThreadID, by principal: Principal) {
        var details: JSONObject = [
            "thread": thread.json, "subject": .string("\(member.subject)"), "role": .string(member.role.rawValue),
        ]
        if let end = member.expiresAt { details["expires_at"] = .string(end.rfc3339) }
        keep(what, details, by: principal)
    }

    private func keep(_ what: String, _ details: JSONObject, by principal: Principal) {
        hub.configuration.audit?.record(
            AuditEntry(
                who: "\(principal.user)", from: ConnectionTicket.current?.clientText, what: what, details: details))
    }

    private func place(
        _ request: Request,
        _ context: some RequestContext
    ) throws(ProtocolError) -> (ThreadID, MemberSubject) {
        let id: UserID = try request.pathIdentifier("subject", context, "the member in the path")
        return (try request.thread(context), try MemberSubject(id))
    }

    private func intake(_ thread: ThreadID) throws(ProtocolError) -> MemberIntake {
        guard let members = hub.members else {
            throw ProtocolError(
                .memberUnsupported,
                "this service keeps no members of threads: who may use one is decided by its credentials or its application",
                threadID: thread)
        }
        return members
    }
}

extension Request {
    /// The address of something beside what was asked for, as clients have it: with the host and the scheme that a trusted proxy
    /// tells. Never with a token in it.
    ///
    /// - Parameters:
    ///   - last: the last part of the path that was asked for.
    ///   - other: what stands there in its place.
    fileprivate func url(besides last: String, _ other: String) -> String {
        let path = uri.path.hasSuffix(last) ? uri.path.dropLast(last.count) + other : uri.path[...]
        guard let authority = head.authority else { return String(path) }
        return "\(head.scheme ?? "http")://\(authority)\(path)"
    }
}
