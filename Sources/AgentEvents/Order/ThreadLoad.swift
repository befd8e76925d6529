/// The open and queued runs of a thread, for the decision about what may start there.
package struct ThreadLoad: Hashable, Sendable {
    /// A run without an open parent that has started and not ended.
    package struct Root: Hashable, Sendable {
        package var run: RunID
        package var agent: AgentName
        package var host: RunHost
        /// The messages that it answers, as far as its first events say.
        package var messageIDs: [MessageID]
        /// The number of messages that it was given and has not taken.
        package var inputCount: Int

        package init(
            run: RunID,
            agent: AgentName,
            host: RunHost = .process,
            messageIDs: [MessageID] = [],
            inputCount: Int = 0
        ) {
            self.run = run
            self.agent = agent
            self.host = host
            self.messageIDs = messageIDs
            self.inputCount = inputCount
        }
    }

    /// A run that is queued.
    package struct Queued: Hashable, Sendable {
        package var run: RunID
        package var agent: AgentName
        package var host: RunHost
        package var messageIDs: [MessageID]
        package var queuedAt: Timestamp
        package var notBefore: Timestamp?
        package var by: UserID?
        package var isScheduled: Bool
        /// The number of the attempt; `nil` for the first one.
        package var attempt: Int?
        package var retryOf: RunID?

        package init(
            run: RunID,
            agent: AgentName,
            host: RunHost = .process,
            messageIDs: [MessageID] = [],
            queuedAt: Timestamp = Timestamp(milliseconds: 0),
            notBefore: Timestamp? = nil,
            by: UserID? = nil,
            isScheduled: Bool = false,
            attempt: Int? = nil,
            retryOf: RunID? = nil
        ) {
            self.run = run
            self.agent = agent
            self.host = host
            self.messageIDs = messageIDs
            self.queuedAt = queuedAt
            self.notBefore = notBefore
            self.by = by
            self.isScheduled = isScheduled
            self.attempt = attempt
            self.retryOf = retryOf
        }
    }

    /// In the order of their first events.
    package var roots: [Root]
    /// In the order in which they were queued, which is that in which they start.
    package var queue: [Queued]

    package init(roots: [Root] = [], queue: [Queued] = []) {
        self.roots = roots
        self.queue = queue
    }

    /// A message meets something here.
    package var isBusy: Bool { !roots.isEmpty || !queue.isEmpty }
}

extension ThreadStateMachine {
    /// The open and queued runs of the thread.
    package var load: ThreadLoad {
        var load = ThreadLoad()
        for entry in runs.inOrder {
            guard let agent = entry.machine.agent else { continue }
            let run = entry.machine.run
            if entry.machine.state == .queued {
                load.queue.append(
                    ThreadLoad.Queued(
                        run: run, agent: agent, host: entry.host, messageIDs: entry.messageIDs,
                        queuedAt: entry.lastTime, notBefore: entry.window.notBefore, by: entry.window.by,
                        isScheduled: entry.window.isScheduled, attempt: entry.window.attempt,
                        retryOf: entry.window.retryOf))
            } else if !(entry.machine.parent.map(isOpen) ?? false) {
                load.roots.append(
                    ThreadLoad.Root(
                        run: run, agent: agent, host: entry.host, messageIDs: entry.messageIDs,
                        inputCount: entry.inputs.count))
            }
        }
        return load
    }

    /// The open runs without a parent, as those are told whose request is refused because of them.
    package var loadDetails: CommandDetails {
        CommandDetails(runs: occupancy.roots.map { CommandDetails.Run($0) })
    }
}
