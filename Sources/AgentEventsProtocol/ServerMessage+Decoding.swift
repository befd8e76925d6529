package import AgentEvents

extension ServerMessage {
    /// Reads a message.
    ///
    /// Tolerant of a service of a later version: members that are not known are passed over, codes and reasons that are not
    /// known are kept, and so are messages with an op of another name.
    ///
    /// - Throws: ``WireError`` with the path to the fault.
    package init(_ bytes: [UInt8]) throws(WireError) {
        var members = try MemberReader(try JSONValue(parsing: bytes), path: "$")
        if members.object["type"]?.stringValue != nil {
            self = .event(try StreamEvent(&members, bytes: bytes))
            return
        }
        switch try members.word("op") {
        case "welcome":
            self = .welcome(Welcome(members.object))
        case "subscribed":
            self = .subscribed(
                try members.tag(), try members.threadID(), after: try members.cursorIfPresent("after"),
                head: try members.cursorIfPresent("head"))
        case "unsubscribed":
            self = .unsubscribed(
                try members.tag(), try members.threadID(),
                code: try members.wordIfPresent("code").map { ProtocolError.Code(rawValue: $0) })
        case "live":
            self = .live(try members.threadID(), cursor: try members.cursorIfPresent("cursor"))
        case "reset":
            self = .reset(
                try members.threadID(), ResetReason(rawValue: try members.word("reason")),
                oldest: try members.cursorIfPresent("oldest"))
        case "snapshot":
            self = try Self.snapshot(&members)
        case "emitted":
            self = .emitted(
                try members.tag(), try members.threadID(), cursors: try members.cursors("cursors"))
        case "accepted":
            self = .accepted(try members.tag(), try members.threadID(), try CommandAnswer(&members))
        case "refreshed":
            self = .refreshed(try members.tag(), expiresAt: try members.timeIfPresent("expires_at"))
        case "expiring":
            self = .expiring(inMilliseconds: members.object["expires_in_ms"]?.integerValue ?? 0)
        case "watching":
            self = .watching(try members.tag())
        case "threads":
            self = .threads(try Self.threads(&members))
        case "unwatched":
            self = .unwatched(
                try members.tag(), code: try members.wordIfPresent("code").map { ProtocolError.Code(rawValue: $0) })
        case "serving":
            self = .serving(
                try members.tag(), leaseMilliseconds: try members.integer("lease_ms", from: 1),
                kept: members.object["kept"] == nil ? nil : try members.leases("kept"),
                lost: members.object["lost"] == nil ? nil : try members.leases("lost"))
        case "run":
            self = .run(try WorkerRun(&members))
        case "renewed":
            self = .renewed(try members.tag(), leaseMilliseconds: try members.integer("lease_ms", from: 1))
        case "cancel":
            // A reason that this version does not know is one to let go all the same.
            self = .cancel(
                try members.identifier("lease"), WorkerCancelReason(rawValue: try members.word("reason")) ?? .stopped)
        case "ping":
            self = .ping
        case "drain":
            self = .drain(reconnectMilliseconds: members.object["reconnect_in_ms"]?.integerValue ?? 0)
        case "pong":
            self = .pong(try members.tag())
        case "error":
            guard var error = ProtocolError(members.object) else {
                throw members.invalid("code", "an error has a code")
            }
            error.tag = try members.tag()
            self = .error(error)
        case "members_changed":
            self = .membersChanged(try members.threadID())
        default:
            self = .other(members.object)
        }
    }

    private static func threads(_ members: inout MemberReader) throws(WireError) -> ThreadListNews {
        guard let threads = members.object["threads"]?.arrayValue else {
            throw members.invalid("threads", "threads is a list")
        }
        var gone: [ThreadID] = []
        for id in members.object["gone"]?.arrayValue ?? [] {
            guard let thread = id.stringValue.flatMap({ try? ThreadID($0) }) else {
                throw members.invalid("gone", "gone is a list of ids of threads")
            }
            gone.append(thread)
        }
        return ThreadListNews(threads: threads, gone: gone, next: members.object["next"]?.stringValue)
    }

    private static func snapshot(_ members: inout MemberReader) throws(WireError) -> ServerMessage {
        let thread: ThreadID = try members.threadID()
        let cursor = try members.cursorIfPresent("cursor")
        if let state = members.take("state") { return .snapshot(thread, cursor: cursor, state: state) }
        return .snapshotPart(
            thread, cursor: cursor, part: Int(clamping: try members.integer("part", from: 1)),
            of: Int(clamping: try members.integer("parts", from: 1)), text: try members.word("state_json"))
    }
}

extension MemberReader {
    /// The mark of the request that the message answers; `nil` when it answers none.
    fileprivate mutating func tag() throws(WireError) -> RequestTag? {
        guard let value = takePresent("req") else { return nil }
        guard let tag = RequestTag(value) else { throw invalid("req", "req must be a string or a number") }
        return tag
    }
}
