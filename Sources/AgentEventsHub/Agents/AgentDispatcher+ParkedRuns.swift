import AgentEvents
import Logging
import Synchronization

// The runs that stayed open when an earlier process was lost.

extension AgentDispatcher {
    /// Takes up the runs that stayed open when the process before was lost, when it is time for each.
    func watchParked() async {
        do throws(AgentEventsError) {
            try await runtime.waitForStart()
        } catch {
            // The run of the runtime ends with the same error.
            return
        }
        parked.add(runtime.parkedRuns)
        await parked.watch(runtime.environment) { await takeUp($0) }
    }

    /// Takes up a run, if that is possible now. Its body begins when there is a slot for it.
    private func takeUp(_ run: ParkedRun) async -> ParkedRuns.Look {
        let place = RunQueueStateMachine.Place(thread: run.owner.thread, run: run.run)
        // Also while the body of before has not returned, which nobody tells of.
        guard hasRoom, queue.withLock({ $0.beginTakingUp(place) }) else {
            return .notBefore(Timestamp(milliseconds: runtime.configuration.clock.now().milliseconds + 100))
        }
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: run.owner.user, thread: run.owner.thread)
            if let look = try await offer(run, at: place, context) { return look }
            switch try await context.attach(run.run) {
            case .taken(let work):
                guard let accepted = work.run, let agent = served(accepted.agent) else {
                    preconditionFailure("a run stays open for an agent that is served")
                }
                let author = work.beginning.by ?? run.owner.user
                let prompt = QueuedPrompt(work, thread: place.thread, author: author)
                let log = runtime.log
                var job = AgentJob(agent: agent, run: accepted, place: place) { _ in try await prompt.read(from: log) }
                job.resumed = work
                job.author = work.beginning.by
                perform(job) { $0.endTakingUp(place, for: author) }
                return .over
            case .gone:
                perform { $0.endTakingUp(place, for: nil) }
                return .over
            case .wait:
                perform { $0.endTakingUp(place, for: nil) }
                return .wait
            case .notBefore(let time):
                perform { $0.endTakingUp(place, for: nil) }
                return .notBefore(time)
            }
        } catch {
            logger.info(
                "open run not taken up",
                metadata: [
                    "thread.id": "\(place.thread)", "run.id": "\(place.run)", "error.code": "\(error.code)",
                ])
            perform { $0.endTakingUp(place, for: nil) }
            let now = runtime.configuration.clock.now()
            return .notBefore(Timestamp(milliseconds: now.milliseconds + 10_000))
        }
    }
}
