import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import Synchronization

/// The part of an application that gives commands with the Swift client, as a ``Commander`` thinks of them.
final class ProgramOfCommands: Sendable {
    private struct State {
        var random: SimulationRandom
        var count: Int64 = 0
    }

    let commander: Commander
    private let threads: [Int]
    private let client: StreamClient
    private let record: ApplicationRecord
    private let state: Mutex<State>

    /// - Parameter threads: those of its user, at least one.
    init(_ commander: Commander, threads: [Int], _ client: StreamClient, _ record: ApplicationRecord, seed: UInt64) {
        self.commander = commander
        self.threads = threads
        self.client = client
        self.record = record
        state = Mutex(State(random: SimulationRandom(seed: seed)))
    }

    func run(_ life: ApplicationLife) async {
        while await life.pauses.pause() {
            if record.isSettling { return }
            let (thread, number, value) = state.withLock { state in
                state.count += 1
                return (threads[state.random.below(threads.count)], state.count, state.random.next())
            }
            var random = SimulationRandom(seed: value)
            guard let request = commander.next(thread, on: number, onlyResumes: false, &random) else { continue }
            do {
                let answer = try await give(request)
                guard life.isCurrent else { return commander.lost(number) }
                commander.answered(thread, number, answer)
            } catch {
                guard life.isCurrent, let refusal = (error as? AgentEventsClientError)?.refusal else {
                    commander.lost(number)
                    record.didEnd(with: error, life)
                    continue
                }
                commander.refused(thread, number, refusal)
            }
        }
    }

    /// The client sends it again with its key until it is answered, whatever becomes of connections and processes.
    private func give(_ request: CommandRequest) async throws -> CommandAnswer {
        let (thread, key, timeout) = (request.thread, request.key, Duration.seconds(20))
        let body = request.body
        switch body.kind {
        case .run(let action, let reason):
            return try await client.command(
                RunCommand(action, run: body.run, asOf: body.asOf, reason: reason), thread: thread, key: key,
                timeout: timeout)
        case .message(let message):
            return try await client.message(
                message.text, agent: message.agent, data: message.data, policy: message.policy,
                replacing: message.replaces, answersApproval: message.answersApproval, thread: thread, key: key,
                timeout: timeout)
        case .start(let start):
            return try await client.start(
                start.agent, input: start.input, policy: start.policy, retrying: start.retryOf, thread: thread,
                key: key, timeout: timeout)
        case .answer(let answer):
            return try await client.answer(
                answer.approvalID, run: body.run, isApproved: answer.isApproved, data: answer.data,
                grant: answer.grant, thread: thread, key: key, timeout: timeout)
        case .revoke(let tool):
            return try await client.revokeGrant(for: tool, thread: thread, key: key, timeout: timeout)
        case .value:
            return try await client.command(body, thread: thread, key: key, timeout: timeout)
        }
    }
}
