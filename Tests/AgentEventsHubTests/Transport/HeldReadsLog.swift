import AgentEvents
import AgentEventsTestSupport
import AgentEventsTesting
import Synchronization

/// A log whose pages wait until the test lets them go, and are counted from then on.
final class HeldReadsLog: ForwardingLog, StateStore {
    private struct State {
        var holds = false
        var count = 0
        var held: [CheckedContinuation<Bool, Never>] = []
        var watcher: CheckedContinuation<Void, Never>?
        var loadCount = 0
    }

    let log = InMemoryEventLog(generations: .counting)
    private let state = Mutex(State())

    /// How many pages were asked for since ``hold()``.
    var readCount: Int { state.withLock { $0.count } }

    /// How many stored values were asked for.
    var loadCount: Int { state.withLock { $0.loadCount } }

    func hold() { state.withLock { ($0.holds, $0.count) = (true, 0) } }

    /// Returns when a page waits.
    func waitForRead() async {
        await withCheckedContinuation { watcher in
            let isHeld = state.withLock { state in
                if state.held.isEmpty { state.watcher = watcher }
                return !state.held.isEmpty
            }
            if isHeld { watcher.resume() }
        }
    }

    /// - Parameter failing: whether what waits cannot be read.
    func letGo(failing: Bool = false) {
        let held = state.withLock { state in
            state.holds = false
            defer { state.held = [] }
            return state.held
        }
        for read in held { read.resume(returning: !failing) }
    }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        let isReadable: Bool = await withCheckedContinuation { read in
            let (holds, watcher) = state.withLock { state in
                state.count += 1
                guard state.holds else { return (false, nil as CheckedContinuation<Void, Never>?) }
                state.held.append(read)
                return (true, state.watcher.take())
            }
            if holds { watcher?.resume() } else { read.resume(returning: true) }
        }
        guard isReadable else { throw EventLogError(.failed, "failed by the test") }
        return try await log.read(request)
    }

    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]? {
        state.withLock { $0.loadCount += 1 }
        return try await log.load(kind, thread: thread, name: name)
    }

}
