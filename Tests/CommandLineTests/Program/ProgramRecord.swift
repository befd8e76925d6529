import Foundation
import Synchronization

/// What a process has written and how it ended, and who waits for that.
final class ProgramRecord: Sendable {
    struct Content: Sendable {
        var output = Data()
        var error = Data()
        var openPipes = 2
        var status: Int32?

        var outputText: String { String(decoding: output, as: UTF8.self) }
        var errorText: String { String(decoding: error, as: UTF8.self) }
        var isOver: Bool { status != nil && openPipes == 0 }
    }

    private struct State {
        var content = Content()
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var content: Content { state.withLock { $0.content } }

    func change(_ body: (inout Content) -> Void) {
        let waiters = state.withLock { state in
            body(&state.content)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns when a condition holds.
    ///
    /// - Throws: ``Program/TooLateError`` when the deadline passes before.
    func wait(
        until what: String,
        seconds: Double,
        _ condition: @escaping @Sendable (Content) -> Bool
    ) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                while !condition(self.content) {
                    if Task.isCancelled { return false }
                    await self.waitForChange(unless: condition)
                }
                return true
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(seconds))
                return false
            }
            let isMet = try await group.next() ?? false
            group.cancelAll()
            guard isMet else {
                let content = content
                throw Program.TooLateError(
                    description: "no \(what) within \(seconds) s; output: \(content.outputText); error: "
                        + "\(content.errorText); status: \(content.status.map(String.init) ?? "runs")")
            }
        }
    }

    private func waitForChange(unless condition: (Content) -> Bool) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    if condition(state.content) || Task.isCancelled { return true }
                    state.waiters.append(continuation)
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            change { _ in }
        }
    }
}
