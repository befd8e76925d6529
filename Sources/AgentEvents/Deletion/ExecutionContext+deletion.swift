extension ExecutionContext {
    /// Ends all open runs, hosted here or emitted from outside, and takes no further events. Returns when the ends are committed.
    ///
    /// - Throws: ``AgentEventsError``; then it may be closed, and ``reopen()`` has to follow.
    func close() async throws(AgentEventsError) {
        let time = try path.begin()
        // An end may queue a run for messages that were not taken, which is then the next to end.
        while let run = path.machine.openRootRuns.first {
            let cancelled = AgentCancelled(reason: "the thread was deleted", durationMilliseconds: 0)
            try path.acceptOfOpenRuns([.measured(run, .agentCancelled(cancelled))], at: time, isLimited: false)
            forget(run)
        }
        path.close()
        try await waitForCommit(at: services.commit.offeredPosition)
    }

    /// The log has deleted the thread. From now on its id is answered from the log, as if it had never been in memory.
    func didDelete() { ownership = .gone }

    /// The thread was not deleted.
    func reopen() { path.reopen() }
}
