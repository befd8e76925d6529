import AgentEvents
import AgentEventsTestSupport
import Synchronization

/// A log whose appends wait until the test lets them go, or fails them.
final class HeldLog: ForwardingLog {
    private enum Release {
        case append
        case fail
    }

    private struct State {
        var holds = false
        var held: CheckedContinuation<Release, Never>?
        var watcher: CheckedContinuation<Void, Never>?
    }

    let log = InMemoryEventLog()
    private let state = Mutex(State())

    /// The next append waits, and those behind it.
    func holdAppends() { state.withLock { $0.holds = true } }

    /// Returns when an append waits.
    func waitForAppend() async {
        await withCheckedContinuation { watcher in
            let isHeld = state.withLock { state in
                if state.held == nil { state.watcher = watcher }
                return state.held != nil
            }
            if isHeld { watcher.resume() }
        }
    }

    func letAppendsGo() { release(.append) }

    /// Those behind the one that waits are held on.
    func letAppendGo() { release(.append, holdsOn: true) }

    func failAppend() { release(.fail) }

    private func release(_ release: Release, holdsOn: Bool = false) {
        let held = state.withLock { state in
            state.holds = holdsOn
            return state.held.take()
        }
        held?.resume(returning: release)
    }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        let release: Release = await withCheckedContinuation { append in
            let (holds, watcher) = state.withLock { state in
                guard state.holds else { return (false, nil as CheckedContinuation<Void, Never>?) }
                state.held = append
                return (true, state.watcher.take())
            }
            if holds { watcher?.resume() } else { append.resume(returning: .append) }
        }
        switch release {
        case .append: try await log.append(commit)
        case .fail: throw EventLogError(.failed, "failed by the test")
        }
    }

}
