package import Dispatch
package import NIOCore
import Synchronization

/// An event loop without a thread: what is handed to it is done, in order, when its driver says so, and its timers belong to
/// a ``SimulatedTime``.
///
/// Several loops beside one ``SimulatedExecutor`` stand for as many threads: the driver that picks the next step decides how
/// they interleave.
package final class SimulatedEventLoop: EventLoop {
    private struct Item {
        var run: @Sendable () -> Void
        /// Called in its place when the loop is closed: a promise that is left alone is a fault.
        var drop: @Sendable () -> Void
    }

    private struct State {
        var tasks: [Item] = []
        /// The timers that are set.
        var timers: [UInt64: @Sendable () -> Void] = [:]
        /// Those before it are done.
        var next = 0
        var isRunning = false
        var isClosed = false
    }

    private let state = Mutex(State())
    private let time: SimulatedTime
    private let willHop: @Sendable () -> Void

    /// - Parameter willHop: called, after the task is queued, when another thread than the loop's hands something over: on
    ///   real threads anything may happen before that one goes on.
    package init(time: SimulatedTime, willHop: @escaping @Sendable () -> Void = {}) {
        self.time = time
        self.willHop = willHop
    }

    // MARK: Driving

    /// Whether something waits to be done.
    package var isReady: Bool { state.withLock { $0.next < $0.tasks.count && !$0.isRunning } }

    /// Does what was handed over first.
    ///
    /// - Returns: whether there was something.
    @discardableResult
    package func runNext() -> Bool {
        let task: Item? = state.withLock { state in
            guard state.next < state.tasks.count, !state.isRunning else { return nil }
            let task = state.tasks[state.next]
            state.next += 1
            if state.next == state.tasks.count {
                state.tasks.removeAll(keepingCapacity: true)
                state.next = 0
            } else if state.next >= 64, state.next * 2 >= state.tasks.count {
                state.tasks.removeFirst(state.next)
                state.next = 0
            }
            return task
        }
        guard let task else { return false }
        run(task.run)
        return true
    }

    /// Does something on the loop, now.
    package func run(_ body: () -> Void) {
        state.withLock { state in
            precondition(!state.isRunning, "one task of a loop runs at a time")
            state.isRunning = true
        }
        body()
        state.withLock { $0.isRunning = false }
    }

    /// Nothing is done any longer: what waits is dropped, and so is what comes.
    package func close() {
        let (tasks, timers) = state.withLock { state in
            let dropped = (state.tasks.dropFirst(state.next), state.timers.sorted { $0.key < $1.key })
            (state.isClosed, state.next, state.tasks, state.timers) = (true, 0, [], [:])
            return dropped
        }
        drop(tasks.map(\.drop) + timers.filter { time.cancel($0.key) }.map(\.value))
    }

    // MARK: EventLoop

    package var inEventLoop: Bool { state.withLock { $0.isRunning } }
    package var now: NIODeadline { .uptimeNanoseconds(UInt64(time.now) + Self.uptime) }

    /// Before the world began. Deadlines of long ago are not below zero then.
    private static let uptime: UInt64 = 1_000_000_000_000

    package func execute(_ task: @escaping @Sendable () -> Void) { add(Item(run: task, drop: {})) }

    private func add(_ item: Item) {
        let (isForeign, isDropped) = state.withLock { state in
            if !state.isClosed { state.tasks.append(item) }
            return (!state.isRunning, state.isClosed)
        }
        if isDropped { drop([item.drop]) } else if isForeign { willHop() }
    }

    /// On the loop, or the promises would ask for a hop.
    private func drop(_ drops: [@Sendable () -> Void]) {
        if inEventLoop {
            for drop in drops { drop() }
        } else {
            run { for drop in drops { drop() } }
        }
    }

    package func submit<T>(_ task: @escaping @Sendable () throws -> T) -> EventLoopFuture<T> {
        let promise = makePromise(of: T.self)
        add(
            Item(
                run: { promise.assumeIsolated().completeWith(Result(catching: task)) },
                drop: { promise.fail(EventLoopError.shutdown) }))
        return promise.futureResult
    }

    package func scheduleTask<T>(
        deadline: NIODeadline,
        _ task: @escaping @Sendable () throws -> T
    ) -> Scheduled<T> {
        let promise = makePromise(of: T.self)
        let number = time.makeNumber()
        let nanoseconds = Int64(clamping: deadline.uptimeNanoseconds) - Int64(Self.uptime)
        let drop: @Sendable () -> Void = { promise.fail(EventLoopError.shutdown) }
        let isDropped = state.withLock { state in
            if !state.isClosed { state.timers[number] = drop }
            return state.isClosed
        }
        if isDropped {
            self.drop([drop])
        } else {
            time.add(number, at: nanoseconds) { [self] in
                state.withLock { $0.timers[number] = nil }
                // Cancelled from here on, it comes all the same, and its promise is done.
                add(Item(run: { promise.assumeIsolated().completeWith(Result(catching: task)) }, drop: drop))
            }
        }
        return Scheduled(
            promise: promise,
            cancellationTask: { [self] in
                state.withLock { $0.timers[number] = nil }
                time.cancel(number)
            })
    }

    package func scheduleTask<T>(
        in delay: TimeAmount,
        _ task: @escaping @Sendable () throws -> T
    ) -> Scheduled<T> {
        scheduleTask(deadline: now + delay, task)
    }

    package func scheduleCallback(
        in amount: TimeAmount,
        handler: some (NIOScheduledCallbackHandler & Sendable)
    ) throws -> NIOScheduledCallback {
        scheduleCallback(at: now + amount, handler: handler)
    }

    package func preconditionInEventLoop(file: StaticString, line: UInt) {
        precondition(inEventLoop, "not on its event loop", file: file, line: line)
    }

    package func preconditionNotInEventLoop(file: StaticString, line: UInt) {
        precondition(!inEventLoop, "on its event loop", file: file, line: line)
    }

    // MARK: EventLoopGroup

    package func next() -> any EventLoop { self }

    package func makeIterator() -> EventLoopIterator { EventLoopIterator([self]) }

    package func shutdownGracefully(queue: DispatchQueue, _ callback: @Sendable @escaping ((any Error)?) -> Void) {
        close()
        queue.async { callback(nil) }
    }
}
