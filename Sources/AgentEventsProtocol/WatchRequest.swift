package import AgentEvents

/// A request to be told what a list of threads is, and what becomes of it: the first page of `GET /v1/threads` with the same
/// filters.
package struct WatchRequest: Hashable, Sendable {
    /// A text that is part of the title or the id.
    package var text: String?
    package var status: String?
    /// An agent that began runs in the thread.
    package var agent: String?
    /// The most threads; `nil` for as many as the service says.
    package var limit: Int64?

    package init(text: String? = nil, status: String? = nil, agent: String? = nil, limit: Int64? = nil) {
        self.text = text
        self.status = status
        self.agent = agent
        self.limit = limit
    }
}

extension WatchRequest {
    /// - Throws: ``ProtocolError`` with the path to the fault.
    init(_ members: inout MemberReader) throws(ProtocolError) {
        do throws(WireError) {
            self.init(
                text: try members.wordIfPresent("q"), status: try members.wordIfPresent("status"),
                agent: try members.wordIfPresent("agent"),
                limit: members.object["limit"] == nil ? nil : Int64(clamping: try members.integer("limit", from: 1)))
        } catch {
            throw ProtocolError(member: error)
        }
    }

    /// The members in the order of the schema, without `op` and `req`.
    var members: [(String, JSONValue?)] {
        [
            ("q", text.map { .string($0) }), ("status", status.map { .string($0) }),
            ("agent", agent.map { .string($0) }), ("limit", limit.map { .integer($0) }),
        ]
    }
}

/// What has become of a list of threads that is watched.
package struct ThreadListNews: Hashable, Sendable {
    /// The threads that are new in the list or have changed, as `GET /v1/threads` gives them.
    package var threads: [JSONValue]
    /// The threads that are in the list no longer.
    package var gone: [ThreadID]
    /// The value of `before` for the page after the list; `nil` when there is none.
    package var next: String?

    package init(threads: [JSONValue], gone: [ThreadID], next: String?) {
        self.threads = threads
        self.gone = gone
        self.next = next
    }
}
