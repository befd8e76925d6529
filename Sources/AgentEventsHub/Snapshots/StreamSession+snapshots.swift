import AgentEvents
import NIOCore

/// A snapshot that a client has not got all parts of.
struct SnapshotWrite {
    /// What comes after the last part.
    enum Next {
        /// The subscription's first event.
        case begin
        /// What follows a page that had the snapshot in the place of trimmed events.
        case proceed(PageRead.Page)
    }

    let subscription: StreamSubscription
    let messages: SnapshotMessages
    let next: Next
    var writtenCount = 0
}

/// Snapshots are large: their parts are written one at a time, and only while the connection is writable. So of a snapshot
/// no more than one part waits in the channel, and the rest is shared by all who get the same one. No event of the thread
/// comes in between, because its subscription has not begun, or is in the midst of a page.
extension StreamSession {
    func write(_ snapshot: SnapshotMessages, to subscription: StreamSubscription, then next: SnapshotWrite.Next) {
        snapshotWrites.append(SnapshotWrite(subscription: subscription, messages: snapshot, next: next))
        writeSnapshots()
    }

    /// To be called when the connection is writable again.
    func writeSnapshots() {
        // A flush may tell that the connection is writable.
        guard !isWritingSnapshots else { return }
        isWritingSnapshots = true
        defer { isWritingSnapshots = false }
        while !isEnded, isWritable, let first = snapshotWrites.first {
            write(first.messages.frames[first.writtenCount])
            guard first.writtenCount + 1 == first.messages.frames.count else {
                snapshotWrites[0].writtenCount += 1
                flush()
                continue
            }
            snapshotWrites.removeFirst()
            didWrite(first)
        }
    }

    private func didWrite(_ write: SnapshotWrite) {
        switch write.next {
        case .begin:
            order.snapshotEnded()
            write.subscription.begin()
        case .proceed(let page):
            services.metrics.sent(write.subscription.write(page))
        }
    }

    /// The subscription ends: nothing further of its snapshot is written.
    func dropSnapshots(of subscription: StreamSubscription) {
        snapshotWrites.removeAll { write in
            guard write.subscription === subscription else { return false }
            if case .begin = write.next { order.snapshotEnded() }
            return true
        }
    }
}
