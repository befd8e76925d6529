import AgentEvents
import AgentEventsClient
import AgentEventsProtocol

extension ClientMessage {
    var isAcknowledgement: Bool { if case .acknowledge = operation { true } else { false } }

    func isAbout(_ other: ThreadID) -> Bool {
        switch operation {
        case .subscribe(let request): request.thread == other
        case .unsubscribe(let thread), .acknowledge(let thread, _): thread == other
        case .emit, .command, .refresh, .watch, .unwatch, .serve, .take, .decline, .renew, .ping, .pong: false
        }
    }
}

extension HistoryService {
    var hasAcknowledgement: Bool { requests.contains { $0.isAcknowledgement } }

    func waitForAcknowledgement() async throws {
        try await wait { if case .acknowledge = $0 { true } else { false } }
    }

    /// Returns when a request was served.
    func wait(for condition: (ClientMessage.Operation) -> Bool) async throws {
        while !requests.contains(where: { condition($0.operation) }) {
            try Task.checkCancellation()
            await Task.yield()
        }
    }
}
