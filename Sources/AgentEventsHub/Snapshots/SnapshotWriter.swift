/// A snapshot that a client has not got all parts of.
struct SnapshotWrite {
    /// The step after the last part.
    enum Next {
        /// The subscription's first event.
        case begin
        /// Continue with a page that had the snapshot in the place of trimmed events.
        case proceed(PageRead.Page)
    }

    let subscription: StreamSubscription
    let messages: SnapshotMessages
    let next: Next
    var writtenCount = 0
    /// Whether the rest waits for rights. The client gets other snapshots meanwhile.
    var isHeld = false
    /// Whether it was held before: it counts no longer as one that is under way.
    var wasHeld = false

    /// Whether the order of requests waits for it.
    var isAwaited: Bool {
        switch next {
        case .begin: !wasHeld
        case .proceed: false
        }
    }
}

/// Writes snapshots to one client. They are large: their parts are written one at a time, and only while the connection
/// is writable. So of a snapshot no more than one part waits in the transport, and the rest is shared by all who get
/// the same one. No event of the thread comes in between, because its subscription has not begun, or is in the midst of
/// a page.
///
/// Before each part the rights of the subscription count, as before each event:
///
///     being written ── may not be given ──> held ── resume: rights are known again ──> being written ──> written
struct SnapshotWriter {
    private var writes: [SnapshotWrite] = []

    /// Nothing is to be written that may be.
    var isEmpty: Bool { writes.allSatisfy(\.isHeld) }

    mutating func append(_ write: SnapshotWrite) { writes.append(write) }

    enum Written {
        /// Nothing for now.
        case none
        /// The last part of a snapshot.
        case whole(SnapshotWrite)
        /// The rest of a snapshot waits for rights.
        case held(SnapshotWrite)
    }

    /// Writes until the last part of a snapshot is written, the client takes no more, or the next part may not be given.
    mutating func writeNext(to output: SessionOutput) -> Written {
        while output.isWritable, let index = writes.firstIndex(where: { !$0.isHeld }) {
            let write = writes[index]
            // The state of nothing is what everybody gets of a thread that is unknown to them.
            guard write.messages.cursor == nil || write.subscription.mayBeGivenSnapshot() else {
                (writes[index].isHeld, writes[index].wasHeld) = (true, true)
                return .held(write)
            }
            output.write(write.messages.frames[write.writtenCount])
            if write.writtenCount + 1 == write.messages.frames.count { return .whole(writes.remove(at: index)) }
            writes[index].writtenCount += 1
            output.flush()
        }
        return .none
    }

    /// It is known whether a subscription may be given what was held.
    mutating func resume(_ subscription: StreamSubscription) {
        for index in writes.indices where writes[index].subscription === subscription { writes[index].isHeld = false }
    }

    /// The subscription ends: nothing further of its snapshot is written.
    ///
    /// - Returns: whether the order of requests waited for its snapshot.
    mutating func drop(_ subscription: StreamSubscription) -> Bool {
        var wasAwaited = false
        writes.removeAll { write in
            guard write.subscription === subscription else { return false }
            wasAwaited = wasAwaited || write.isAwaited
            return true
        }
        return wasAwaited
    }

    mutating func removeAll() { writes = [] }
}
