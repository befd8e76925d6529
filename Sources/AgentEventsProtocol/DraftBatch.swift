package import AgentEvents

/// Reads the events of one request one after the other, all or none.
package struct DraftBatch {
    private let maximumCount: Int
    private let root: DraftRoot
    private let thread: ThreadID
    /// The drafts that were read so far.
    package private(set) var drafts: [EventDraft] = []

    /// - Parameters:
    ///   - maximumCount: how many events a request may have.
    ///   - root: where the events stand in the request.
    ///   - thread: the thread that the request is for.
    package init(maximumCount: Int, root: DraftRoot, thread: ThreadID) {
        self.maximumCount = maximumCount
        self.root = root
        self.thread = thread
    }

    /// Says how many events there are, before they are read.
    ///
    /// - Throws: ``ProtocolError`` `event.empty_batch` or `limits.batch_events`.
    package mutating func checkCount(_ count: Int) throws(ProtocolError) {
        guard count > 0 else {
            throw ProtocolError(.emptyBatch, "a request has at least one event", path: root.batchPath)
        }
        guard count <= maximumCount else {
            throw ProtocolError(
                .batchTooLarge,
                "a request has at most \(maximumCount) events, this one has more: split it",
                path: root.batchPath
            )
        }
        drafts.reserveCapacity(count)
    }

    /// Reads the next event.
    ///
    /// - Throws: ``ProtocolError`` with the index of the event and the path to the fault.
    package mutating func append(_ event: JSONValue) throws(ProtocolError) {
        do throws(WireError) {
            drafts.append(try EventDecoder.decodeDraft(event, path: root.path(of: drafts.count), thread: thread))
        } catch {
            throw ProtocolError(error, index: drafts.count)
        }
    }
}

/// The place of the events in a request, for the paths in errors.
package enum DraftRoot: Sendable {
    /// In the member `events` of a message: `$.events[3]`.
    case messageMember
    /// The request's body is the one event, or each of its lines is one: `$`, in the body or in the line.
    case document

    /// The path to an event.
    package func path(of index: Int) -> String {
        switch self {
        case .messageMember: "$.events[\(index)]"
        case .document: "$"
        }
    }

    /// The path to all of them.
    package var batchPath: String {
        switch self {
        case .messageMember: "$.events"
        case .document: "$"
        }
    }
}
