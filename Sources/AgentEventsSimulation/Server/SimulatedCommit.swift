import AgentEvents
import AgentEventsHub

/// Mirrors `CommittedEvents`: what a commit holds of one thread.
struct SimulatedCommit: InboxElement {
    let thread: Int
    let lastID: EventID
    /// `nil` for news only: the events are in the log.
    let batch: FramedBatch?

    init(_ batch: FramedBatch) {
        thread = batch.thread
        lastID = batch.lastID
        self.batch = batch
    }

    private init(noticeOf commit: SimulatedCommit) {
        thread = commit.thread
        lastID = commit.lastID
        batch = nil
    }

    var byteCount: Int { batch?.byteCount ?? 0 }
    var notice: SimulatedCommit { SimulatedCommit(noticeOf: self) }

    func adjoins(_ next: SimulatedCommit) -> Bool {
        guard let batch, let following = next.batch else { return false }
        return batch.lastSequence + 1 == following.firstSequence
    }

    static func joining(_ run: ArraySlice<SimulatedCommit>) -> SimulatedCommit {
        SimulatedCommit(FramedBatch(joining: run.compactMap(\.batch)))
    }
}
