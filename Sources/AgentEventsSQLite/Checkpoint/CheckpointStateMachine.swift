/// Decides when the write-ahead log is copied into the file, and by whom.
///
/// The bulk is copied beside the writer. What was written meanwhile is left to the writer, between two commits: only
/// when nothing is left does the write-ahead log start again at its beginning instead of growing.
struct CheckpointStateMachine: Sendable {
    private enum State: Hashable {
        case idle
        case copying
        case copied
    }

    /// What the writer does after a commit.
    enum CommitAction: Hashable, Sendable {
        case nothing
        /// Have the write-ahead log copied, beside the writer.
        case copy
        /// Copy the rest now.
        case finish
        /// Copy the rest now, and wait for the readers that are in the way.
        case finishAlone
    }

    private let threshold: Int
    private var state = State.idle
    /// Pages written since the last complete copy, about.
    private var pageCount = 0
    /// Pages written since the write-ahead log was known to start again, about.
    private var totalPageCount = 0

    /// - Parameter threshold: the pages after which copying starts.
    init(threshold: Int) {
        self.threshold = threshold
    }

    mutating func committed(pageCount count: Int) -> CommitAction {
        pageCount += count
        totalPageCount += count
        switch state {
        case .idle:
            guard pageCount >= threshold else { return .nothing }
            state = .copying
            return .copy
        case .copying:
            return .nothing
        case .copied:
            return totalPageCount > threshold * 8 ? .finishAlone : .finish
        }
    }

    /// The copy beside the writer is done, or was not possible.
    mutating func copied() {
        state = .copied
    }

    /// The writer copied the rest.
    ///
    /// - Parameters:
    ///   - pages: the pages in the write-ahead log.
    ///   - copied: how many of them are in the file.
    mutating func finished(pages: Int, copied: Int) {
        state = .idle
        pageCount = 0
        // With pages left, or a reader that uses some, it goes on growing.
        totalPageCount = pages > copied ? max(totalPageCount, pages) : 0
    }
}
