import AgentEvents
import AgentEventsServer

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

    private init(newsOf commit: SimulatedCommit) {
        thread = commit.thread
        lastID = commit.lastID
        batch = nil
    }

    var byteCount: Int { batch?.byteCount ?? 0 }
    var withoutEvents: SimulatedCommit { SimulatedCommit(newsOf: self) }

    /// Commits of one thread, with as few writes as possible.
    static func joining(_ commits: [SimulatedCommit], maximumByteCount: Int) -> [SimulatedCommit] {
        var joined: [SimulatedCommit] = []
        for commit in commits {
            if let batch = commit.batch, let last = joined.last?.batch, last.lastSequence + 1 == batch.firstSequence,
                last.byteCount + batch.byteCount <= maximumByteCount
            {
                joined[joined.count - 1] = SimulatedCommit(FramedBatch(joining: last, batch))
            } else {
                joined.append(commit)
            }
        }
        return joined
    }
}
