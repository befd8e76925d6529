/// Decides where a subscription stands between the log and what is live. Its only memory is a cursor.
///
///     opening -> replaying <-> live        (and `ended` from anywhere)
///
/// While it replays, pages come from the log, one at a time and only while the connection is writable. It is live when
/// its cursor is the last event that its event loop has seen of the thread; then it gets each commit as it comes. A commit
/// that cannot be written makes it fall behind, and it replays again, from its cursor: the connection is full, or the commit is
/// too large for one write, or not whole in memory.
package struct SubscriptionStateMachine: Equatable {
    private enum State: Equatable {
        /// Its place in the log is being looked up.
        case opening
        /// Everything up to `cursor` was written. `isReading`: a page is on its way.
        case replaying(cursor: UInt64, isReading: Bool)
        case live(cursor: UInt64)
        case ended
    }

    private var state = State.opening
    /// Whether the subscriber was told that it has caught up; it is told once.
    private var wasLive = false
    /// The thread's last event when the place was looked up, after the loop had begun to listen.
    private var knownEnd: UInt64 = 0

    package init() {}

    /// The last event written; `nil` before the place in the log is known, and after the end.
    package var cursor: UInt64? {
        switch state {
        case .opening, .ended: nil
        case .replaying(let cursor, _), .live(let cursor): cursor
        }
    }

    package var isLive: Bool { if case .live = state { true } else { false } }

    /// The state of the subscription as others see it; `nil` after its end.
    package var subscriberState: Subscriber.State? {
        switch state {
        case .opening: .opening
        case .replaying: .replaying
        case .live: .live
        case .ended: nil
        }
    }

    package enum NextAction: Equatable {
        case none
        /// Read a page after the cursor, when it is this subscription's turn.
        case read(after: UInt64)
        /// The subscription is live. `isFirst`: tell the subscriber.
        case goLive(isFirst: Bool)
    }

    /// The place in the log is known.
    ///
    /// - Parameters:
    ///   - cursor: the event before the first one to be written; 0 for all.
    ///   - end: the log's last event of the thread when the place was looked up.
    ///   - head: the last event of the thread that the event loop has seen commits of; 0 if it has seen none.
    package mutating func opened(after cursor: UInt64, end: UInt64, head: UInt64) -> NextAction {
        guard case .opening = state else { return .none }
        knownEnd = end
        return advance(to: cursor, reachesEnd: false, head: head)
    }

    /// The subscription's turn to read has come.
    ///
    /// - Returns: after which event to read; `nil` when it is not replaying, or reads already.
    package mutating func startReading() -> UInt64? {
        guard case .replaying(let cursor, isReading: false) = state else { return nil }
        state = .replaying(cursor: cursor, isReading: true)
        return cursor
    }

    /// Nothing may be given for now: the page that is on its way is not written. ``resume()`` follows, or nothing.
    package mutating func dropPage() {
        if case .replaying(let cursor, isReading: true) = state { state = .replaying(cursor: cursor, isReading: false) }
    }

    /// Events may be given again. Those that were committed meanwhile are read.
    ///
    /// - Returns: whether the subscription is to read, when it is its turn.
    package mutating func resume() -> Bool {
        switch state {
        case .live(let cursor), .replaying(let cursor, isReading: false):
            state = .replaying(cursor: cursor, isReading: false)
            return true
        case .opening, .replaying(_, isReading: true), .ended:
            return false
        }
    }

    /// Events after the cursor were trimmed before they were read.
    ///
    /// - Parameter sequence: the last of them.
    /// - Returns: whether to tell the subscriber; the next events come after the trimmed ones then. `false` when the
    ///   subscription has ended meanwhile: the subscriber may have subscribed to the thread again.
    package mutating func trimmed(upTo sequence: UInt64) -> Bool {
        guard case .replaying(let cursor, isReading: true) = state, sequence >= cursor else { return false }
        state = .replaying(cursor: sequence, isReading: true)
        return true
    }

    /// A page was read and all of it written.
    ///
    /// - Parameters:
    ///   - cursor: the page's last event, or the cursor as it was for an empty page.
    ///   - reachesEnd: whether nothing followed the page at some time since ``startReading()``. A page that was read
    ///     earlier does not tell, and need not.
    package mutating func wrotePage(upTo cursor: UInt64, reachesEnd: Bool, head: UInt64) -> NextAction {
        guard case .replaying(_, isReading: true) = state else { return .none }
        return advance(to: cursor, reachesEnd: reachesEnd, head: head)
    }

    /// Live when nothing lies between the cursor and the commit that the loop sees next: the loop listened before the
    /// place was looked up, so every event after `knownEnd` is in a commit that the loop has seen (`head`), or will
    /// see.
    private mutating func advance(to cursor: UInt64, reachesEnd: Bool, head: UInt64) -> NextAction {
        guard reachesEnd || cursor >= knownEnd, cursor >= head else {
            state = .replaying(cursor: cursor, isReading: false)
            return .read(after: cursor)
        }
        state = .live(cursor: cursor)
        defer { wasLive = true }
        return .goLive(isFirst: !wasLive)
    }

    package enum CommitAction: Equatable {
        /// Nothing to write: not live, or written already from a page.
        case none
        /// Write what follows the given event.
        case write(after: UInt64)
        /// Too slow, too large for one write, or events before it are only in the log: replay from the cursor.
        case fallBehind
    }

    /// The event loop got a commit with events of the thread.
    package mutating func committed(upTo last: UInt64, canWrite: Bool) -> CommitAction {
        switch state {
        case .live(let cursor) where cursor >= last:
            return .none
        case .live(let cursor) where canWrite:
            state = .live(cursor: last)
            return .write(after: cursor)
        case .live(let cursor):
            state = .replaying(cursor: cursor, isReading: false)
            return .fallBehind
        case .opening, .replaying, .ended:
            return .none
        }
    }

    /// The subscriber or its connection is gone; later inputs do nothing.
    package mutating func end() { state = .ended }
}
