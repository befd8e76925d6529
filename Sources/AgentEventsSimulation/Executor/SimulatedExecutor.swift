import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs the jobs of all tasks that prefer it on the thread that drives it, one at a time, in the order that the
/// driver picks.
///
/// Under `withTaskExecutorPreference`, or in a task made with it, child tasks, nonisolated asynchronous functions and
/// actors without an executor of their own come here. Nothing runs by itself: ``runNext(_:)`` runs one job.
package final class SimulatedExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var enqueuedCount = 0
        var foreignCount = 0
    }

    private let state = Mutex(State())
    private let thread = CurrentThread.number

    package init() {}

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isForeign = CurrentThread.number != thread
        state.withLock { state in
            state.jobs.append(job)
            state.enqueuedCount += 1
            if isForeign { state.foreignCount += 1 }
        }
    }

    /// How many jobs wait to be run.
    package var readyCount: Int { state.withLock { $0.jobs.count } }

    /// How many jobs came so far.
    package var enqueuedCount: Int { state.withLock { $0.enqueuedCount } }

    /// How many jobs were handed over by another thread than that of the driver. Not zero: something escapes, and the order
    /// of the jobs is not the schedule's.
    package var foreignCount: Int { state.withLock { $0.foreignCount } }

    /// Runs one job, up to where its task suspends.
    ///
    /// - Parameter choice: which of the jobs that wait; any number, taken modulo their count.
    /// - Returns: whether there was a job.
    @discardableResult
    package func runNext(_ choice: UInt64 = 0) -> Bool {
        precondition(CurrentThread.number == thread, "an executor is driven by the thread that made it")
        let job: UnownedJob? = state.withLock { state in
            guard !state.jobs.isEmpty else { return nil }
            // The order of those that stay does not matter: each choice is as good as any other.
            state.jobs.swapAt(Int(choice % UInt64(state.jobs.count)), state.jobs.count - 1)
            return state.jobs.removeLast()
        }
        guard let job else { return false }
        job.runSynchronously(on: asUnownedTaskExecutor())
        return true
    }

    /// Runs jobs until none waits.
    ///
    /// - Returns: how many.
    @discardableResult
    package func runUntilIdle(_ random: inout some RandomNumberGenerator) -> Int {
        var count = 0
        while runNext(random.next()) { count += 1 }
        return count
    }
}

/// Tells threads apart.
package enum CurrentThread {
    package static var number: UInt {
        #if canImport(Darwin)
            UInt(bitPattern: pthread_self())
        #else
            UInt(pthread_self())
        #endif
    }
}
