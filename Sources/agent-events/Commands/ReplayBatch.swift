internal import AgentEvents

/// Recorded events that are due and go into the same thread, so that they are sent together.
struct ReplayBatch {
    private static let maximumCount = 100

    private var thread: ThreadID?
    private var drafts: [NumberedDraft] = []

    /// Whether an event may be sent together with those that are there.
    func takes(_ event: RecordedDraft) -> Bool {
        drafts.count < Self.maximumCount && (thread == nil || thread == event.thread)
    }

    mutating func append(_ event: RecordedDraft) {
        thread = event.thread
        drafts.append(event.draft)
    }

    /// Sends what is there; the batch is empty afterwards.
    mutating func send(with sender: BatchSender) async throws {
        guard let thread, !drafts.isEmpty else { return }
        let drafts = drafts
        self = ReplayBatch()
        try await sender.send(drafts, thread: thread)
    }
}
