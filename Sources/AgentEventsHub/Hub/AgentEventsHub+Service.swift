import AgentEvents
import Logging
public import ServiceLifecycle
import Synchronization

/// The life of a hub: ``HubStateMachine`` decides the order in which its parts stop.
extension AgentEventsHub: Service {
    private typealias Inputs = ThrowingTaskGroup<HubStateMachine.Input, any Error>

    /// A program outside that was silent for this long is not waited for at a shutdown.
    private static var silence: Duration { .seconds(60) }

    /// Runs the hub until it is shut down gracefully, or its task is cancelled. Call it once.
    ///
    /// - Throws: `AgentEventsError` when the log cannot be opened or fails, or the hub is run already; ``ScheduleError`` when a
    ///   schedule of the application is in a zone that is not known on this machine.
    public func run() async throws {
        try await run {
            try await self.runtime.waitForStart()
            self.readiness.start()
            await self.closing.wait()
        }
    }

    /// Runs the hub with a server of its own.
    ///
    /// - Parameters:
    ///   - server: takes connections until ``closing`` opens. What it throws ends the hub.
    ///   - shutdown: returns when the hub is to stop. A simulation has its own: what waits in the library leaves the executor
    ///     of its task.
    package func run(
        serving server: @escaping @Sendable () async throws -> Void,
        until shutdown: @escaping @Sendable () async throws -> Void = { try await gracefulShutdown() }
    ) async throws {
        try schedules.checkGiven()
        try life.begin()
        do {
            try await runParts(server, shutdown)
        } catch {
            readiness.stop()
            logger.info("service failed", metadata: ["error.message": "\(error)"])
            throw error
        }
        logger.info("service stopped")
    }

    private func runParts(
        _ server: @escaping @Sendable () async throws -> Void,
        _ shutdown: @escaping @Sendable () async throws -> Void
    ) async throws {
        let failure = FirstFailure()
        try await withThrowingTaskGroup(of: HubStateMachine.Input.self) { group in
            group.addTask {
                await self.runRuntime(failure)
                return .ended(.runtime)
            }
            group.addTask {
                await self.runAgents()
                return .ended(.agents)
            }
            group.addTask {
                try await self.serve(server)
                return .ended(.server)
            }
            group.addTask {
                do {
                    try await shutdown()
                    return .shutdownRequested
                } catch {
                    return .cancelled
                }
            }
            var machine = HubStateMachine()
            do {
                while let input = try await group.next() {
                    for action in machine.receive(input) { act(on: action, &group) }
                }
            } catch {
                dispatcher.cancel()
                closeSessions(waitsForAnswers: false)
                throw failure.error ?? error
            }
        }
        if let error = failure.error { throw error }
    }

    private func runRuntime(_ failure: FirstFailure) async {
        let watch = SinkWatch(runtime: runtime, factory: metrics, logger: logger)
        await withDiscardingTaskGroup { sinks in
            sinks.addTask { await watch.run() }
            do {
                try await runtime.run()
            } catch {
                failure.note(error)
            }
            watch.finish()
        }
    }

    private func runAgents() async {
        guard let orphans else { return await dispatcher.run() }
        await withTaskGroup { group in
            group.addTask {
                await orphans.watch({ self.dispatcher.working }, isFollowed: { self.services.delivery.isFollowed($0) })
            }
            await dispatcher.run()
            group.cancelAll()
        }
    }

    private func serve(_ server: @escaping @Sendable () async throws -> Void) async throws {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await self.runWorkers() }
                defer { finishWorkers() }
                try await server()
                // A server does not wait for streams: no task is kept for them.
                await waitForSessions()
            }
        } catch is CancellationError {
            // Cancelled by this hub, at the end of the grace period or with the hub itself.
        }
    }

    private func act(on action: HubStateMachine.Action, _ group: inout Inputs) {
        switch action {
        case .beginDrain:
            beginDrain(&group)
        case .endRuns:
            group.addTask {
                do throws(AgentEventsError) {
                    try await self.runtime.cancelHostedRuns(reason: "shutdown")
                } catch {
                    guard error.code == .log(.closed) else { throw error }
                    // The time was over first; the next start ends the rest.
                    self.logger.error("runs left open", metadata: ["error.code": "\(error.code)"])
                }
                self.dispatcher.cancel()
                return .runsEnded
            }
        case .cancelAgents:
            dispatcher.cancel()
        case .closeConnections:
            closeSessionsInSlices()
            // A listening socket closes now, not before: until here `/ready` told that the service stops.
            closing.open()
        case .stopRuntime:
            runtime.shutdown()
        case .cancelParts:
            closeSessions(waitsForAnswers: false)
            dispatcher.cancel()
            group.cancelAll()
        case .finish:
            group.cancelAll()
        case .reportUnresponsiveAgents:
            let count = dispatcher.runningCount
            logger.error("agents ignore their cancellation", metadata: ["agents.count": "\(count)"])
            onUnresponsiveAgents(count)
        }
    }

    private func beginDrain(_ group: inout Inputs) {
        logger.info("service stopping")
        readiness.stop()
        dispatcher.close()
        drainSessions()
        group.addTask {
            await self.runtime.waitForEmittedRuns(silentFor: Self.silence) {
                self.outsideEmitters.mayEmit(silentFor: Self.silence)
            }
            return .emittersDone
        }
        let grace = configuration.shutdownGrace
        let agentGrace = configuration.agentGrace ?? (grace - min(grace / 2, .seconds(1)))
        group.addTask {
            // A cancelled sleep comes too late to matter.
            try? await self.runtime.environment.sleep(agentGrace)
            return .agentsDeadlinePassed
        }
        group.addTask {
            try? await self.runtime.environment.sleep(grace + self.configuration.drainWindow)
            return .deadlinePassed
        }
    }
}

/// The error to throw once everything else has ended.
final class FirstFailure: Sendable {
    private let first = Mutex<(any Error)?>(nil)

    var error: (any Error)? { first.withLock { $0 } }

    func note(_ error: any Error) {
        first.withLock { $0 = $0 ?? error }
    }
}
