import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import Hummingbird
import HummingbirdCore

/// `GET /v1/threads/{t}/frames?protocol=&after=&upto=&limit=`: the frames that clients of a protocol are sent for a range of a
/// thread.
struct FramesRoute: Sendable {
    static let parameters = ["protocol", "after", "upto", "limit"]
    /// A page ends with the event after which its frames have this many bytes.
    private static let maximumByteCount = 4 * 1024 * 1024
    private static let maximumStreamCount = 64
    /// The most events that are read to tell a client that joins what was before.
    private static let maximumPastCount: UInt64 = 100_000

    let interface: HTTPInterface<BasicRequestContext>

    private var hub: AgentEventsHub { interface.hub }

    private struct Range: Sendable {
        let frameProtocol: FrameProtocol
        let thread: ThreadID
        let after: StartPosition
        /// `nil` for the end of the thread.
        let upTo: Cursor?
        let limit: Int
    }

    func respond(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        let principal = try await interface.principal(of: request)
        let thread: ThreadID = try interface.identifier("thread", of: context, "the thread in the path")
        let range = try range(of: request, thread)
        do {
            return interface.answer(.ok, try await page(range, for: principal).json)
        } catch let error as EventLogError {
            throw ProtocolError(error, threadID: thread)
        }
    }

    private func range(of request: Request, _ thread: ThreadID) throws(ProtocolError) -> Range {
        let frameProtocol = try FrameProtocol(name: interface.parameter("protocol", of: request))
        let after = try interface.parameter("after", of: request).map { text throws(ProtocolError) in
            try StartPosition(text: text, path: nil)
        }
        var upTo: Cursor?
        if let text = interface.parameter("upto", of: request) {
            guard case .after(let cursor) = try StartPosition(text: text, path: nil) else {
                throw ProtocolError(.cursorInvalid, "upto is the id of an event, such as 3-42, and not \(text)")
            }
            upTo = cursor
        }
        return Range(
            frameProtocol: frameProtocol, thread: thread, after: after ?? .start, upTo: upTo,
            limit: try interface.pageLimit(of: request))
    }

    /// The state tells which run a client joins.
    private func page(_ range: Range, for principal: Principal) async throws -> FramePage {
        let state: ThreadState
        switch range.after {
        case .after(let cursor) where range.frameProtocol.tellsOfBefore:
            state = try await hub.state(of: range.thread, at: cursor, for: principal)
        case .now where range.frameProtocol.tellsOfBefore:
            state = try await hub.state(of: range.thread, for: principal)
        case .start, .now, .after:
            state = ThreadState()
        }
        return try await hub.reading(range.thread, for: principal) { record, hidden in
            try await page(range, record, hiddenUpTo: hidden, state)
        }
    }

    private func page(
        _ range: Range,
        _ record: ThreadRecord,
        hiddenUpTo hidden: UInt64,
        _ state: ThreadState
    ) async throws -> FramePage {
        let first = try await sequence(of: range.after, in: range.thread, record)
        var end = record.head.sequence
        if let upTo = range.upTo {
            end = try await sequence(of: .after(upTo), in: range.thread, record)
            guard end >= first else { throw ProtocolError(.requestInvalid, "upto is an event that comes before after") }
        }
        let position: Cursor? =
            switch range.after {
            case .after(let cursor): cursor
            case .now: record.isEmpty ? nil : record.head
            case .start: nil
            }
        var machine = range.frameProtocol.machine(
            at: FramePlace(
                thread: range.thread, after: range.after, position: position, start: first,
                head: record.isEmpty ? nil : record.head, state: state))
        if range.frameProtocol.tellsOfBefore {
            try await note(range.thread, in: &machine, after: max(hidden, record.oldest.sequence - 1), upTo: first)
        }
        machine.begin()
        let last = try await read(range, in: &machine, after: first, upTo: end)
        let isWhole = (last?.sequence ?? first) >= end
        return FramePage(
            frameProtocol: range.frameProtocol, thread: range.thread, after: position, last: last,
            next: isWhole ? nil : last, head: record.isEmpty ? nil : record.head, machine: machine)
    }

    private func sequence(
        of start: StartPosition,
        in thread: ThreadID,
        _ record: ThreadRecord
    ) async throws -> UInt64 {
        try await hub.runtime.log.resolve(start, in: thread, record: record, generation: hub.runtime.generation)
            .sequence(in: thread)
    }

    // MARK: Reading

    private func note(
        _ thread: ThreadID,
        in machine: inout any FrameMachine,
        after oldest: UInt64,
        upTo end: UInt64
    ) async throws {
        guard end > oldest else { return }
        guard end - oldest <= Self.maximumPastCount else {
            throw ProtocolError(
                .stateTooFar,
                "what a client is told that joins here is made of the \(end - oldest) events before, and at most "
                    + "\(Self.maximumPastCount) are read",
                threadID: thread)
        }
        var after = oldest
        while after < end {
            let page = try await hub.runtime.log.read(LogRead(.thread(thread, after: after)))
            guard let last = page.events.last, !page.skipsTrimmed else { throw ProtocolError.cursorTrimmed(in: thread) }
            for stored in page.events where stored.id.sequence <= end { machine.note(try stored.decoded()) }
            after = last.id.sequence
        }
    }

    /// - Returns: the last event that was read; `nil` for none.
    private func read(
        _ range: Range,
        in machine: inout any FrameMachine,
        after start: UInt64,
        upTo end: UInt64
    ) async throws -> Cursor? {
        var after = start
        var last: Cursor?
        var count = 0
        while after < end, count < range.limit {
            let page = try await hub.runtime.log.read(
                LogRead(.thread(range.thread, after: after), maximumCount: range.limit - count))
            // Trimmed since the cursor was looked up.
            if page.skipsTrimmed, range.after != .start || last != nil {
                throw ProtocolError.cursorTrimmed(in: range.thread)
            }
            guard let newest = page.events.last else { break }
            for stored in page.events where stored.id.sequence <= end {
                machine.receive(try stored.decoded(), stored)
                last = stored.id
                count += 1
                let streams = machine.streams
                let byteCount = streams.reduce(0) { $0 + $1.byteCount }
                guard byteCount < Self.maximumByteCount, streams.count < Self.maximumStreamCount else { return last }
            }
            after = newest.id.sequence
        }
        return last
    }
}
