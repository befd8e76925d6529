package import AgentEvents
package import AgentEventsChecks
import Synchronization
package import Testing

/// Collects what producers were told and what clients saw, from any task, and checks it at the end.
///
/// ```swift
/// let history = HistoryRecorder()
/// history.record(.attempted(attempt))
/// …
/// history.expectSound()
/// ```
package final class HistoryRecorder: Sendable {
    private let check: Mutex<HistoryCheck>

    package init(policy: OrderPolicy = .standard) { check = Mutex(HistoryCheck(policy: policy)) }

    /// Adds a record. The records of one client are added in the order in which they happened.
    package func record(_ record: HistoryRecord) {
        check.withLock { $0.receive(record, at: "record \($0.recordCount + 1)") }
    }

    /// Adds everything that a log holds, in its order.
    package func record(_ log: any EventLog) async throws {
        var offset: UInt64 = 0
        while true {
            let page = try await log.read(LogRead(.all(afterOffset: offset)))
            for event in page.events { record(.logged(bytes: event.bytes)) }
            if page.reachesEnd || page.nextOffset <= offset { return }
            offset = page.nextOffset
        }
    }

    /// Everything that is wrong with what was recorded so far.
    package var faults: [HistoryFault] { check.withLock { $0 }.finish() }

    /// Reports everything that is wrong as one issue of the running test.
    package func expectSound(sourceLocation: SourceLocation = #_sourceLocation) {
        let faults = faults
        guard !faults.isEmpty else { return }
        TestIssue.record(FaultList.text("The history has faults", faults.map(\.description)), sourceLocation)
    }
}
