import AgentEventsSimulation
import NIOCore
import Synchronization
import Testing

@Suite struct SimulatedTimeTests {
    private final class Values: Sendable {
        private let values = Mutex<[Int]>([])

        func append(_ value: Int) { values.withLock { $0.append(value) } }
        var all: [Int] { values.withLock { $0 } }
    }

    @Test func sleepersWakeInTheOrderOfTheirTimes() {
        let executor = SimulatedExecutor()
        let time = SimulatedTime()
        let woken = Values()
        for seconds in [3, 1, 2] {
            Task(executorPreference: executor) {
                try? await time.clock.sleep(for: .seconds(seconds))
                woken.append(seconds)
            }
        }
        var random = SimulationRandom(seed: 1)
        executor.runUntilIdle(&random)
        #expect(woken.all == [])
        while time.fireNext() { executor.runUntilIdle(&random) }
        #expect(woken.all == [1, 2, 3])
        #expect(time.now == 3_000_000_000)
    }

    @Test func aCancelledSleepEndsAtOnce() {
        let executor = SimulatedExecutor()
        let time = SimulatedTime()
        let isCancelled = Mutex(false)
        let task = Task(executorPreference: executor) {
            do {
                try await time.clock.sleep(for: .seconds(1))
            } catch {
                isCancelled.withLock { $0 = error is CancellationError }
            }
        }
        var random = SimulationRandom(seed: 1)
        executor.runUntilIdle(&random)
        task.cancel()
        executor.runUntilIdle(&random)
        #expect(isCancelled.withLock { $0 })
        #expect(!time.hasWaiters)
        #expect(!time.fireNext())
    }

    @Test func anEventLoopDoesWhatItIsHandedInOrder() throws {
        let time = SimulatedTime()
        let loop = SimulatedEventLoop(time: time)
        let done = Mutex<[String]>([])
        let scheduled = loop.scheduleTask(in: .seconds(1)) { done.withLock { $0.append("timer") } }
        let cancelled = loop.scheduleTask(in: .seconds(2)) { done.withLock { $0.append("cancelled") } }
        loop.execute { done.withLock { $0.append("one, in loop: \(loop.inEventLoop)") } }
        let future = loop.submit { done.withLock { $0.append("two") } }
        future.whenSuccess { done.withLock { $0.append("after two") } }
        #expect(!loop.inEventLoop)
        cancelled.cancel()
        while loop.runNext() {}
        while time.fireNext() {}
        #expect(loop.isReady)
        while loop.runNext() {}
        #expect(done.withLock { $0 } == ["one, in loop: true", "two", "after two", "timer"])
        #expect(loop.now.uptimeNanoseconds == 1_001_000_000_000)
        _ = scheduled
    }

    @Test func tasksWaitForFuturesOfALoop() {
        let executor = SimulatedExecutor()
        let loop = SimulatedEventLoop(time: SimulatedTime())
        let value = Mutex(0)
        Task(executorPreference: executor) {
            let sum = try? await loop.submit { 42 }.get()
            value.withLock { $0 = sum ?? -1 }
        }
        var random = SimulationRandom(seed: 1)
        executor.runUntilIdle(&random)
        #expect(value.withLock { $0 } == 0)
        while loop.runNext() {}
        executor.runUntilIdle(&random)
        #expect(value.withLock { $0 } == 42)
        #expect(executor.foreignCount == 0)
    }
}
