import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `/v1/threads/{t}/context` and `/v1/threads/{t}/context/{key}`: the values of a thread's context, one by one.
///
/// A change is the command `set` or `remove`, and is answered like it. Without `Idempotency-Key` it is one of its own each time.
struct ContextRoute: Sendable {
    let hub: AgentEventsHub
    let access: RequestAccess
    let maximumBodyByteCount: Int

    func list(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let (state, now) = (try await hub.state(of: thread, for: principal), hub.runtime.environment.wallClock.now())
        // As it is now, whether the removals of what has expired are in the log or not.
        let entries = state.entries.filter { $0.isThere(at: now) }
        return Response(
            status: .ok, json: ["cursor": state.cursor.json, "values": .array(entries.map { $0.told })])
    }

    func find(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let key = try request.valueKey(context)
        let state = try await hub.state(of: thread, for: principal)
        let entry = state.entry(key, at: hub.runtime.environment.wallClock.now())
        // Of a value that is not there only the version is told that a change may ask for.
        return Response(status: .ok, json: entry?.told ?? ["key": .string(key), "version": 0])
    }

    func put(_ request: Request, _ context: some RequestContext) async throws -> Response {
        try await change(request, context, .set) { key in
            let bytes = try await request.bodyBytes(upTo: maximumBodyByteCount)
            let json: JSONValue
            do throws(WireError) {
                json = try JSONValue(parsing: bytes)
            } catch {
                throw ProtocolError(error)
            }
            guard var members = json.objectValue else {
                throw ProtocolError(.messageInvalid, "the body is a JSON object with the member value", path: "$")
            }
            guard members["key"] == nil else {
                throw ProtocolError(.messageInvalid, "the key stands in the path of the request", path: "$.key")
            }
            members["key"] = .string(key)
            return members
        }
    }

    func remove(_ request: Request, _ context: some RequestContext) async throws -> Response {
        try await change(request, context, .remove) { key in
            var members: JSONObject = ["key": .string(key)]
            if let text = request.parameter("if_version") {
                guard let version = Int64(text) else {
                    throw ProtocolError(.requestInvalid, "if_version is the version of the value, and not \(text)")
                }
                members["if_version"] = .integer(version)
            }
            return members
        }
    }

    /// - Parameter data: the data of the command, for a key.
    private func change(
        _ request: Request,
        _ context: some RequestContext,
        _ word: CommandWord,
        data: (String) async throws -> JSONObject
    ) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let name = try request.valueKey(context)
        let environment = hub.runtime.environment
        let key = try request.idempotencyKey() ?? IdempotencyKey(environment.randomNumber(), environment.randomNumber())
        // Before the body is asked for.
        try await hub.commands.checkAccess(to: thread, for: principal, looksUp: request.mayHaveLargeBody)
        if let refusal = access.usage.command(of: principal, in: thread) { throw refusal }
        let members = try await data(name)
        do throws(ProtocolError) {
            let command: JSONObject = ["name": .string(word.rawValue), "data": .object(members)]
            let body = try CommandBody.decode(JSONValue.object(command).encoded())
            let answer = try await hub.commands.submit(
                CommandRequest(thread: thread, key: key, body), as: principal)
            return Response(status: .ok, json: answer.body(in: thread))
        } catch {
            var error = error
            error.threadID = thread
            if let path = error.path, path.hasPrefix("$.data.") { error.path = "$" + path.dropFirst("$.data".count) }
            throw error
        }
    }
}

extension Request {
    /// The key of a value in the path.
    fileprivate func valueKey(_ context: some RequestContext) throws(ProtocolError) -> String {
        guard let key = PercentEncoding.decode(context.parameters.get("key") ?? "") else {
            throw ProtocolError(
                .requestInvalid,
                "the key in the path has a percent sign without two hexadecimal digits; a percent sign itself is written %25"
            )
        }
        return key
    }
}

extension IdempotencyKey {
    /// A key that nobody else makes.
    fileprivate init(_ high: UInt64, _ low: UInt64) {
        do throws(IdentifierError) {
            try self.init("v_" + String(high, radix: 36) + "_" + String(low, radix: 36))
        } catch {
            preconditionFailure("letters and digits are an id")
        }
    }
}

extension ThreadState.Entry {
    /// As it is told: a value that is there.
    fileprivate var told: JSONValue {
        .object(
            JSONObject(present: [
                ("key", .string(key)), ("version", .integer(version)), ("value", value),
                ("expires_at", expiresAt.map { .string($0.rfc3339) }), ("by", by?.json),
                ("time", time.map { .string($0.rfc3339) }),
            ]))
    }
}
