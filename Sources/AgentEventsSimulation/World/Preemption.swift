import Synchronization

/// Lets other threads go on in the middle of a step: where one hands something to an event loop, that loop, the others and
/// the pool may be as fast as they like before the one that hands over goes on.
final class Preemption: Sendable {
    private struct State {
        var random = SimulationRandom(seed: 0)
        var isActive = false
        var loops: [SimulatedEventLoop] = []
        var executor: SimulatedExecutor?
        var channels: [SimulatedTransport.Handle] = []
    }

    private let state = Mutex(State())
    /// A hand-over is followed by others once in so many times; 0 for never.
    private let interval: Int

    init(interval: Int) { self.interval = interval }

    func set(_ loops: [SimulatedEventLoop], _ executor: SimulatedExecutor?) {
        state.withLock { ($0.loops, $0.executor) = (loops, executor) }
    }

    /// What the loops may read from.
    func set(_ channels: [SimulatedTransport.Handle]) { state.withLock { $0.channels = channels } }

    /// What happens within the next step comes from this.
    func begin(_ value: UInt64) { state.withLock { $0.random = SimulationRandom(seed: value) } }

    func happen() {
        let turns: (Int, [SimulatedEventLoop], SimulatedExecutor, [SimulatedTransport.Handle])? = state.withLock {
            state in
            guard interval > 0, !state.isActive, let executor = state.executor, state.random.once(in: interval)
            else { return nil }
            state.isActive = true
            return (1 + state.random.below(state.random.once(in: 4) ? 24 : 4), state.loops, executor, state.channels)
        }
        guard let (count, loops, executor, channels) = turns else { return }
        for _ in 0..<count {
            let (kind, choice) = state.withLock { ($0.random.below(5), $0.random.next()) }
            switch kind {
            case 0 where !channels.isEmpty: channels[Int(choice % UInt64(channels.count))].readNext()
            case 1, 2: loops[Int(choice % UInt64(loops.count))].runNext()
            default: executor.runNext(choice)
            }
        }
        state.withLock { $0.isActive = false }
    }
}
