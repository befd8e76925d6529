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
}

/// Writes snapshots to one client. They are large: their parts are written one at a time, and only while the connection
/// is writable. So of a snapshot no more than one part waits in the transport, and the rest is shared by all who get
/// the same one. No event of the thread comes in between, because its subscription has not begun, or is in the midst of
/// a page.
final class SnapshotWriter {
    private let output: SessionOutput
    private var writes: [SnapshotWrite] = []

    init(_ output: SessionOutput) { self.output = output }

    var isEmpty: Bool { writes.isEmpty }

    func append(_ write: SnapshotWrite) { writes.append(write) }

    /// Writes until the last part of a snapshot is written, or the client takes no more.
    ///
    /// - Returns: the snapshot that is written; `nil` when there is none for now.
    func writeNext() -> SnapshotWrite? {
        while output.isWritable, let first = writes.first {
            output.write(first.messages.frames[first.writtenCount])
            if first.writtenCount + 1 == first.messages.frames.count { return writes.removeFirst() }
            writes[0].writtenCount += 1
            output.flush()
        }
        return nil
    }

    /// The subscription ends: nothing further of its snapshot is written.
    ///
    /// - Returns: whether the subscription waited for the snapshot to begin.
    func drop(_ subscription: StreamSubscription) -> Bool {
        var begins = false
        writes.removeAll { write in
            guard write.subscription === subscription else { return false }
            if case .begin = write.next { begins = true }
            return true
        }
        return begins
    }

    func removeAll() { writes = [] }
}
