package import AgentEvents

/// One message of the service on `/v1/stream`.
package enum ServerMessage: Hashable, Sendable {
    /// An event as the log holds it; everything else has an `op`.
    case event(StreamEvent)
    case welcome(Welcome)
    /// - Parameter after: where the subscription begins; `nil` for before the first event.
    /// - Parameter head: the thread's last event; `nil` when it has none.
    case subscribed(RequestTag?, ThreadID, after: Cursor?, head: Cursor?)
    /// - Parameter code: why the service has ended the subscription by itself; `nil` in the answer to a request.
    case unsubscribed(RequestTag?, ThreadID, code: ProtocolError.Code? = nil)
    /// - Parameter cursor: the last event sent; `nil` when there was none.
    case live(ThreadID, cursor: Cursor?)
    case reset(ThreadID, ResetReason, oldest: Cursor?)
    /// - Parameter cursor: the event that the state is as of; `nil` when there is none.
    case snapshot(ThreadID, cursor: Cursor?, state: JSONValue)
    /// - Parameters:
    ///   - cursor: the event that the state is as of; `nil` when there is none.
    ///   - part: from 1.
    ///   - text: a piece of the state's JSON.
    case snapshotPart(ThreadID, cursor: Cursor?, part: Int, of: Int, text: String)
    case emitted(RequestTag?, ThreadID, cursors: [Cursor])
    case accepted(RequestTag?, ThreadID, CommandAnswer)
    /// - Parameter expiresAt: the end of the new token; `nil` when it does not expire.
    case refreshed(RequestTag?, expiresAt: Timestamp?)
    /// - Parameter milliseconds: the time until the connection is closed, unless its token is replaced.
    case expiring(inMilliseconds: Int64)
    /// The client watches a list of threads from now on; what it is comes next.
    case watching(RequestTag?)
    case threads(ThreadListNews)
    /// - Parameter code: why the service does not tell of the list any longer; `nil` in the answer to a request.
    case unwatched(RequestTag?, code: ProtocolError.Code? = nil)
    /// The client is a worker from now on.
    ///
    /// - Parameters:
    ///   - kept: of the leases that it named, those that it still has; `nil` when it named none.
    ///   - lost: those that it has no longer.
    case serving(RequestTag?, leaseMilliseconds: Int64, kept: [LeaseID]?, lost: [LeaseID]?)
    /// A run is offered to a worker.
    indirect case run(WorkerRun)
    case renewed(RequestTag?, leaseMilliseconds: Int64)
    /// The worker is to let go of a run, which has ended, or is no longer its own.
    case cancel(LeaseID, WorkerCancelReason)
    case ping
    /// - Parameter reconnectMilliseconds: how long the client may wait before it connects again.
    case drain(reconnectMilliseconds: Int64)
    case pong(RequestTag?)
    /// The answer to the request with the error's tag; without one, about a thread or the connection.
    case error(ProtocolError)
    /// The members of a thread have changed. It says no more: who they are is for those who may share the thread.
    case membersChanged(ThreadID)
    /// A message with an op that this version does not know.
    case other(JSONObject)

    /// The largest message, in bytes: 1 MiB, which is what WebSocket clients take that have not been told otherwise. The
    /// largest event that the runtime accepts unless it is configured otherwise is as large.
    package static var maximumByteCount: Int { 1024 * 1024 }

    /// The message as one JSON object, with its members in the order of the protocol.
    package func encoded() -> [UInt8] {
        switch self {
        case .event(let event):
            return event.bytes
        case .welcome(let welcome):
            return welcome.encoded()
        case .subscribed(let tag, let thread, let after, let head):
            return Self.encode(
                "subscribed", tag, [("thread_id", thread.json), ("after", after.json), ("head", head.json)])
        case .unsubscribed(let tag, let thread, let code):
            return Self.encode(
                "unsubscribed", tag, [("thread_id", thread.json), ("code", code.map { .string($0.rawValue) })])
        case .live(let thread, let cursor):
            return Self.encode("live", nil, [("thread_id", thread.json), ("cursor", cursor.json)])
        case .reset(let thread, let reason, let oldest):
            return Self.encode(
                "reset", nil,
                [("thread_id", thread.json), ("reason", .string(reason.rawValue)), ("oldest", oldest.json)])
        case .snapshot(let thread, let cursor, let state):
            return Self.encode(
                "snapshot", nil, [("thread_id", thread.json), ("cursor", cursor.json), ("state", state)])
        case .snapshotPart(let thread, let cursor, let part, let count, let text):
            return Self.encode(
                "snapshot", nil,
                [
                    ("thread_id", thread.json), ("cursor", cursor.json), ("part", .integer(part)),
                    ("parts", .integer(count)), ("state_json", .string(text)),
                ])
        case .emitted(let tag, let thread, let cursors):
            return Self.encodeEmitted(tag, thread, cursors)
        case .accepted(let tag, let thread, let answer):
            return Self.encode("accepted", tag, [("thread_id", thread.json)] + answer.members)
        case .refreshed(let tag, let expiresAt):
            return Self.encode(
                "refreshed", tag, [("expires_at", expiresAt.map { .string($0.rfc3339) } ?? .null)])
        case .expiring(let milliseconds):
            return Self.encode("expiring", nil, [("expires_in_ms", .integer(milliseconds))])
        case .watching(let tag):
            return Self.encode("watching", tag, [])
        case .threads(let news):
            return Self.encode(
                "threads", nil,
                [
                    ("threads", .array(news.threads)), ("gone", .array(news.gone.map(\.json))),
                    ("next", news.next.map { .string($0) } ?? .null),
                ])
        case .unwatched(let tag, let code):
            return Self.encode("unwatched", tag, [("code", code.map { .string($0.rawValue) })])
        case .serving(let tag, let milliseconds, let kept, let lost):
            return Self.encode(
                "serving", tag,
                [
                    ("lease_ms", .integer(milliseconds)), ("kept", kept.map { .array($0.map(\.json)) }),
                    ("lost", lost.map { .array($0.map(\.json)) }),
                ])
        case .run(let run):
            return Self.encode("run", nil, run.members)
        case .renewed(let tag, let milliseconds):
            return Self.encode("renewed", tag, [("lease_ms", .integer(milliseconds))])
        case .cancel(let lease, let reason):
            return Self.encode("cancel", nil, [("lease", lease.json), ("reason", .string(reason.rawValue))])
        case .ping:
            return Self.encode("ping", nil, [])
        case .drain(let milliseconds):
            return Self.encode("drain", nil, [("reconnect_in_ms", .integer(milliseconds))])
        case .pong(let tag):
            return Self.encode("pong", tag, [])
        case .error(let error):
            return Self.encode("error", error.tag, error.members)
        case .membersChanged(let thread):
            return Self.encode("members_changed", nil, [("thread_id", thread.json)])
        case .other(let members):
            return JSONValue.object(members).encoded()
        }
    }

    /// One for each request of a backend, so without values in between.
    private static func encodeEmitted(_ tag: RequestTag?, _ thread: ThreadID, _ cursors: [Cursor]) -> [UInt8] {
        var writer = JSONWriter(capacity: 192 + cursors.count * 24)
        writer.raw(#"{"op":"emitted""#)
        if let tag {
            writer.raw(#","req":"#)
            writer.value(tag.json)
        }
        writer.raw(#","thread_id":""#)
        writer.plain(thread.rawValue)
        writer.raw(#"","cursors":["#)
        for (index, cursor) in cursors.enumerated() {
            if index > 0 { writer.byte(UInt8(ascii: ",")) }
            writer.byte(UInt8(ascii: "\""))
            writer.integer(UInt64(cursor.generation))
            writer.byte(UInt8(ascii: "-"))
            writer.integer(cursor.sequence)
            writer.byte(UInt8(ascii: "\""))
        }
        writer.raw("]}")
        return writer.finish()
    }

    private static func encode(_ name: StaticString, _ tag: RequestTag?, _ members: [(String, JSONValue?)]) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw(#"{"op":""#)
        writer.raw(name)
        writer.raw("\"")
        if let tag {
            writer.raw(#","req":"#)
            writer.value(tag.json)
        }
        for case (let key, let value?) in members {
            writer.raw(",")
            writer.string(key)
            writer.raw(":")
            writer.value(value)
        }
        writer.raw("}")
        return writer.finish()
    }
}
