import AgentEvents
import AgentEventsClient

extension StreamRequest {
    var isAcknowledgement: Bool { if case .acknowledge = self { true } else { false } }

    func isAbout(_ other: ThreadID) -> Bool {
        switch self {
        case .subscribe(_, let thread, _, _), .unsubscribe(_, let thread), .acknowledge(_, let thread, _):
            thread == other
        case .pong: false
        }
    }

    var withoutRequest: StreamRequest {
        switch self {
        case .subscribe(_, let thread, let start, let consumer):
            .subscribe(request: 0, thread, from: start, consumer: consumer)
        case .unsubscribe(_, let thread): .unsubscribe(request: 0, thread)
        case .acknowledge(_, let thread, let cursor): .acknowledge(request: 0, thread, cursor)
        case .pong: .pong
        }
    }
}

extension HistoryService {
    var hasAcknowledgement: Bool { requests.contains { $0.isAcknowledgement } }

    func waitForAcknowledgement() async throws {
        try await wait { $0.isAcknowledgement }
    }

    /// Returns when a request was served.
    func wait(for condition: (StreamRequest) -> Bool) async throws {
        while !requests.contains(where: { condition($0.withoutRequest) }) {
            try Task.checkCancellation()
            await Task.yield()
        }
    }
}
