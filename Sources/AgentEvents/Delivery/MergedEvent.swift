/// An event as a reader gets it: one that was committed, or one that stands for several fragments.
package struct MergedEvent: Hashable, Sendable {
    /// The first sequence that the event stands for; its own when it stands for itself alone.
    package var firstSequence: UInt64
    /// The id of the last event it stands for, and the bytes to send.
    package var event: StoredEvent

    package init(firstSequence: UInt64, event: StoredEvent) {
        self.firstSequence = firstSequence
        self.event = event
    }
}
