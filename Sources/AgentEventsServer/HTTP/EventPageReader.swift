import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import NIOCore

/// The part of a thread that a page is to show.
enum EventPagePlace: Hashable, Sendable {
    /// The events that follow a position.
    case after(StartPosition)
    /// The events just before a position: before an event, or the last ones of the thread.
    case before(StartPosition)
    /// An event, and those on both of its sides.
    case around(Cursor)

    /// The position that has to be one of the thread.
    fileprivate var position: StartPosition {
        switch self {
        case .after(let start), .before(let start): start
        case .around(let cursor): .after(cursor)
        }
    }
}

/// Reads a page of a thread, in the bytes of the log. The numbers of a thread are dense: a page anywhere in it is found by counting,
/// and costs the same.
struct EventPageReader: Sendable {
    /// A page ends here, whatever its limit; a single event of any size fits.
    private static let maximumByteCount = 4 * 1024 * 1024

    let log: any EventLog
    /// The log's, of this opening.
    let generation: UInt64
    let thread: ThreadID
    /// The record of the thread, as far as the reader may see it.
    let record: ThreadRecord
    /// The largest number of events.
    let limit: Int

    /// - Returns: one JSON object.
    /// - Throws: ``ProtocolError`` `cursor.diverged`, `cursor.trimmed`, `cursor.unknown`; ``EventLogError``.
    func page(_ place: EventPagePlace) async throws -> ByteBuffer {
        let position = try await position(of: place.position)
        switch place {
        case .after(let start):
            let page = try await read(after: position, count: limit)
            // Trimmed since the cursor was looked up.
            if page.skipsTrimmed, case .after = start { throw trimmed }
            return encode(page)
        case .before(.after):
            return try await page(endingWith: max(position, 1) - 1)
        case .before(.start):
            return try await page(endingWith: record.oldest.sequence - 1)
        case .before(.now):
            return try await page(endingWith: record.head.sequence)
        case .around:
            return try await page(
                with: position, precedingCount: UInt64(limit / 2), followingCount: limit - 1 - limit / 2)
        }
    }

    /// The number of the last event before the page that follows a position.
    private func position(of start: StartPosition) async throws -> UInt64 {
        try await log.resolve(start, in: thread, record: record, generation: generation).sequence(in: thread)
    }

    private var trimmed: ProtocolError { .cursorTrimmed(in: thread) }

    private func read(after sequence: UInt64, count: Int) async throws -> LogPage {
        try await log.read(
            LogRead(
                .thread(thread, after: sequence), maximumCount: count, maximumByteCount: Self.maximumByteCount))
    }

    /// The events up to one, as many as there is room for.
    private func page(endingWith last: UInt64) async throws -> ByteBuffer {
        guard last >= record.oldest.sequence else {
            return encode(LogPage(events: [], reachesEnd: true), isBetween: true)
        }
        return try await page(with: last, precedingCount: UInt64(limit - 1), followingCount: 0)
    }

    /// A page with an event, and others on both of its sides: fewer, where they are so large that it would not fit. Each try has half
    /// of those before it.
    ///
    /// - Parameters:
    ///   - precedingCount: the most events before it.
    ///   - followingCount: the most events after it.
    private func page(
        with sequence: UInt64,
        precedingCount: UInt64,
        followingCount: Int
    ) async throws -> ByteBuffer {
        guard sequence >= record.oldest.sequence else { throw trimmed }
        var precedingCount = min(precedingCount, sequence - record.oldest.sequence)
        while true {
            let page = try await read(
                after: sequence - 1 - precedingCount, count: Int(precedingCount) + 1 + followingCount)
            // Trimmed since the cursor was looked up.
            guard let first = page.events.first?.id.sequence, first <= sequence else { throw trimmed }
            if page.events.contains(where: { $0.id.sequence == sequence }) { return encode(page, isBetween: true) }
            precedingCount /= 2
        }
    }

    /// - Parameter isBetween: whether something may come before the page.
    private func encode(_ page: LogPage, isBetween: Bool = false) -> ByteBuffer {
        let last = page.events.last?.id
        var buffer = ByteBuffer()
        buffer.reserveCapacity(page.events.reduce(96) { $0 + $1.bytes.count + 1 })
        buffer.writeString("{\"events\":[")
        for (index, event) in page.events.enumerated() {
            if index > 0 { buffer.writeString(",") }
            buffer.writeBytes(event.bytes)
        }
        buffer.writeString("]")
        if isBetween {
            let first = page.events.first?.id
            let previous = first.flatMap { $0.sequence > record.oldest.sequence ? $0 : nil }
            buffer.writeString(",\"previous\":\(Self.json(previous))")
        }
        // The thread's last event when the page was asked for; the page may have later ones.
        let latest = last.map { $0.sequence > record.head.sequence ? $0 : record.head } ?? record.head
        buffer.writeString(",\"next\":\(Self.json(page.reachesEnd ? nil : last)),\"head\":\"\(latest)\"}")
        return buffer
    }

    private static func json(_ id: EventID?) -> String { id.map { "\"\($0)\"" } ?? "null" }
}
