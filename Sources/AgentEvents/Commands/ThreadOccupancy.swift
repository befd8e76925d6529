/// The open runs of a thread as a command meets them.
package struct ThreadOccupancy: Hashable, Sendable {
    /// An open run.
    package struct Run: Hashable, Sendable {
        package var id: RunID
        package var agent: AgentName
        package var host: RunHost
        /// The open run that it is a child of.
        package var parent: RunID?
        package var status: CommandDetails.Status
        /// It is paused because its process is gone, and continues when it is taken up.
        package var isLost = false
        /// Its first event.
        package var began: EventID?
        /// The event that brought it into its status, as far as the order of the thread tells.
        package var since: EventID?
        /// The requests for approval that are open in it.
        package var approvals: [ApprovalID]

        package init(
            _ id: RunID,
            agent: AgentName,
            host: RunHost = .process,
            parent: RunID? = nil,
            _ status: CommandDetails.Status,
            began: EventID? = nil,
            since: EventID? = nil,
            approvals: [ApprovalID] = []
        ) {
            self.id = id
            self.agent = agent
            self.host = host
            self.parent = parent
            self.status = status
            self.began = began
            self.since = since
            self.approvals = approvals
        }
    }

    /// In the order of their first events: each parent before its children.
    package var runs: [Run]

    package init(_ runs: [Run]) { self.runs = runs }

    /// The runs without an open parent.
    var roots: [Run] { runs.filter { $0.parent == nil } }

    func run(_ id: RunID) -> Run? { runs.first { $0.id == id } }

    /// A run and those below it, each parent before its children.
    func tree(of root: RunID) -> [Run] {
        var ids: Set<RunID> = [root]
        return runs.filter { run in
            if run.id == root { return true }
            guard let parent = run.parent, ids.contains(parent) else { return false }
            ids.insert(run.id)
            return true
        }
    }
}

extension ThreadStateMachine {
    /// The open runs as a command meets them.
    package var occupancy: ThreadOccupancy {
        let entries = runs.inOrder
        let waiting = waitingRuns(here: false)
        return ThreadOccupancy(
            entries.map { entry in
                let machine = entry.machine
                guard let agent = machine.agent else { preconditionFailure("an open run has an agent") }
                let status: CommandDetails.Status =
                    switch machine.state {
                    case .queued: .queued
                    case .running: waiting.contains(machine.run) ? .waiting : .running
                    case .paused: .paused
                    case .notStarted, .ended: preconditionFailure("an open run is queued, running or paused")
                    }
                var run = ThreadOccupancy.Run(
                    machine.run, agent: agent, host: entry.host,
                    parent: machine.parent.flatMap { isOpen($0) ? $0 : nil },
                    status, began: entry.marks.began, since: entry.marks.since, approvals: machine.work.openApprovals)
                run.isLost = status == .paused && machine.attempts.isLost
                return run
            })
    }

    /// The runs that do nothing until people have answered.
    ///
    /// - Parameter here: whether those are among them of whose waits no event tells, but this process knows. What is decided
    ///   on runs is not decided by these: another process would decide otherwise.
    func waitingRuns(here: Bool) -> Set<RunID> {
        var waiting: Set<RunID> = []
        // The children of a run come after it, so that they are known by then.
        for entry in runs.inOrder.reversed() where entry.machine.isWaiting(children: waiting) {
            // One that has asked, and does something else meanwhile, does not wait.
            let waits = entry.motion == .asks || here && entry.motion == .waitsAgain
            if !waits, !entry.machine.work.approvals.isEmpty { continue }
            waiting.insert(entry.machine.run)
        }
        return waiting
    }
}

extension RunStateMachine {
    /// Whether a run that is under way does nothing until people have answered: a request is open in it or below it, and
    /// each of its open calls and children waits for one.
    ///
    /// - Parameter children: the runs below it that wait.
    fileprivate func isWaiting(children waiting: Set<RunID>) -> Bool {
        guard state == .running else { return false }
        let children = work.childRuns
        guard !work.approvals.isEmpty || !children.isEmpty, children.allSatisfy(waiting.contains) else { return false }
        let asked = Set(work.approvals.entries.values.compactMap(\.item.call))
        // A call that waits with its child has no request of its own.
        return work.calls.entries.keys.allSatisfy(asked.contains) || !children.isEmpty
    }
}

extension OpenWork {
    /// The open requests for approval, in their order.
    fileprivate var openApprovals: [ApprovalID] {
        approvals.entries.sorted { $0.value.ordinal < $1.value.ordinal }.map(\.key)
    }
}
