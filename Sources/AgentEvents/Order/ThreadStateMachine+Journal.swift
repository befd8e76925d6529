extension ThreadStateMachine {
    /// The changes of an emission so far, so that they can be taken back. It grows with the events of the emission, and
    /// not with those of the thread.
    package struct Journal: Sendable {
        enum Undo: Sendable {
            /// - Parameter began: the call of its parent of whose body it was the first sign.
            case began(RunID, began: CallID?)
            indirect case startedQueued(RunID, QueuedEntry)
            case gaveInput(RunID)
            indirect case changedValue(ContextSpaceStateMachine.Undo)
            indirect case tookInput(RunID, lastTime: Timestamp, motion: OpenRuns.Motion, [OpenRuns.GivenInput])
            case event(RunID, lastTime: Timestamp, motion: OpenRuns.Motion, RunStateMachine.Undo)
            /// - Parameter since: the mark before; see ``OpenRuns/Marks``.
            case marked(RunID, since: EventID?)
            indirect case ended(EndedTree)
        }

        /// What the start of a queued run replaces.
        struct QueuedEntry: Sendable {
            var lastTime: Timestamp
            var idleMilliseconds: Int64?
            var window: OpenRuns.StartWindow
            var messageIDs: [MessageID]
        }

        struct EndedTree: Sendable {
            /// The run that has ended, and the open runs below it.
            var entries: [OpenRuns.Entry]
            var parent: Parent?
        }

        struct Parent: Sendable {
            var run: RunID
            var lastTime: Timestamp
            /// The place of the child among the open items.
            var place: Int?
        }

        /// One event is by far the most frequent emission, and costs no array.
        private(set) var first: Undo?
        private(set) var rest: [Undo] = []
        let nextOrdinal: Int
        let hasHeldHalves: Bool
        let deadline: Timestamp
        let rests: RunRests

        init(nextOrdinal: Int, hasHeldHalves: Bool, deadline: Timestamp, rests: RunRests) {
            self.nextOrdinal = nextOrdinal
            self.hasHeldHalves = hasHeldHalves
            self.deadline = deadline
            self.rests = rests
        }

        mutating func append(_ undo: Undo) {
            if first == nil { first = undo } else { rest.append(undo) }
        }
    }
}
