import AgentEvents
import AgentEventsProtocol
import AgentEventsTestSupport
import AgentEventsTesting
import NIOCore
import Testing

@testable import AgentEventsHub

/// What is looked up at once is what a worker finds.
@Suite(.timeLimit(.minutes(10)))
struct ImmediateLookUpTests {
    private static let cursors: [StartPosition?] = [
        nil, .now, .start, .after(Cursor(generation: 1, sequence: 2)), .after(Cursor(generation: 9, sequence: 9)),
    ]

    /// A log without the look-ups at once.
    private struct Forwarding: ForwardingLog {
        let log: InMemoryEventLog
    }

    private static func job(
        _ request: SubscribeRequest, _ principal: Principal, on stage: TransportStage
    ) -> SubscriptionLookUp {
        let services = stage.hub.services
        return SubscriptionLookUp(
            request: request, principal: principal, access: services.access, rights: nil, pages: services.pages,
            framing: .lengthPrefixed, readsPage: false, consumers: services.consumers, snapshots: services.snapshots,
            generation: services.runtime.generation)
    }

    private static func text(_ outcome: Result<SubscriptionLookUp.Found, ProtocolError>) -> String {
        switch outcome {
        case .failure(let error): return "\(error)"
        case .success(let found):
            let opened = found.opened
            let parts: [Any?] = [
                opened.after, opened.cursor, opened.firstKept, opened.end, opened.owner, opened.rights?.rights,
                opened.acknowledged, found.head, found.reset, found.oldest, found.snapshot == nil, found.page == nil,
            ]
            return parts.map { $0.map { "\($0)" } ?? "-" }.joined(separator: ", ")
        }
    }

    @Test func whatIsKnownAtOnceIsWhatIsLookedUp() async throws {
        try await TransportStage.with { stage in
            try await stage.log(3)
            let other = try await stage.hub.runtime.context(user: "u_2", thread: "t_2")
            _ = try await other.emit(EventDraft(.custom(CustomEvent(name: "n", value: .null))))
            try await other.flush()
            try await stage.hub.runtime.deleteThread("t_2", user: "u_2")
            var count = 0
            for user in ["u_1", "u_2", "u_3"] as [UserID] {
                for thread in ["t_1", "t_2", "t_3"] as [ThreadID] {
                    for start in Self.cursors {
                        for snapshot in [.never, .onReset, .atStart] as [SubscribeRequest.SnapshotUse] {
                            let job = Self.job(
                                SubscribeRequest(thread: thread, start: start, snapshot: snapshot),
                                Principal(user: user, scopes: [.read]), on: stage)
                            guard let outcome = job.runAtOnce() else { continue }
                            count += 1
                            #expect(Self.text(outcome) == Self.text(await job.run()), "\(user), \(job.request)")
                        }
                    }
                }
            }
            // For each user and thread: from now on, in words or without, and no state first.
            #expect(count == 3 * 3 * 2 * 2)
        }
    }

    /// A consumer has a place of its own, and another log is to be waited for.
    @Test func whatHasToBeWaitedForIsNotKnownAtOnce() async throws {
        try await TransportStage.with { stage in
            let consumer = SubscribeRequest(thread: "t_1", start: .now, consumer: ConsumerName("c"))
            #expect(Self.job(consumer, Principal(user: "u_1", scopes: [.read]), on: stage).runAtOnce() == nil)
        }
        try await TransportStage.with(log: Forwarding(log: InMemoryEventLog(generations: .counting))) { stage in
            let now = SubscribeRequest(thread: "t_1", start: .now)
            #expect(Self.job(now, Principal(user: "u_1", scopes: [.read]), on: stage).runAtOnce() == nil)
        }
    }
}
