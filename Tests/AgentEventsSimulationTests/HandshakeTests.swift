import AgentEvents
import AgentEventsProtocol
import CoreMetrics
import Logging
import NIOCore
import Synchronization
import Testing

@testable import AgentEventsHub
@testable import AgentEventsSimulation

/// Where the log's writer and an event loop meet without a lock: `StreamDelivery.didCommit` and those who begin to wait for
/// a commit meanwhile. What another thread does between two lines of the writer is done here where it hands a commit to
/// another loop.
@Suite(.ownThread) struct HandshakeTests {
    /// Does something once, where it is told to.
    private final class Moment: Sendable {
        private let body = Mutex<(@Sendable () -> Void)?>(nil)

        func set(_ body: @escaping @Sendable () -> Void) { self.body.withLock { $0 = body } }
        func come() { body.withLock { $0.take() }?() }
    }

    private static let thread: ThreadID = "t_1"

    private static func hub() -> AgentEventsHub {
        AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog()), agents: [], authorizer: OwnershipAuthorizer(),
            authenticator: NoAuthentication(),
            configuration: HubConfiguration(), limits: StreamLimits(), metrics: NOOPMetricsHandler.instance,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onUnresponsiveAgents: { _ in })
    }

    private static var commit: LogCommit {
        let owner = ThreadOwner(thread: thread, user: "u_1")
        let id = EventID(generation: 1, sequence: 1)
        let entry = LogEntry(owner: owner, id: id, type: .custom, run: nil, bytes: Array("{}".utf8))
        return LogCommit(entries: [entry], time: Timestamp(milliseconds: 0))
    }

    /// A repeated request on a loop that the commit does not concern: its loop has been passed over, and begins to wait
    /// before the position of the commit can be seen.
    @Test func aLoopThatBeginsToWaitWhileACommitIsHandedOutIsToldOfIt() throws {
        let hub = Self.hub()
        let delivery = hub.services.delivery
        let moment = Moment()
        let time = SimulatedTime()
        let waiting = SimulatedEventLoop(time: time)
        let following = SimulatedEventLoop(time: time, willHop: { moment.come() })
        let adopted = Mutex<NIOLoopBound<StreamSession>?>(nil)
        waiting.run {
            let transport = SimulatedTransport(
                wire: SimulatedWire(capacity: 4096), loop: waiting, highWater: 4096, maximumPendingByteCount: .max,
                exceeded: { _ in })
            let session = hub.adopt(
                transport, as: Principal(user: "u_1", scopes: [.emit], actsAs: .listed(["u_1"])), on: waiting)
            adopted.withLock { $0 = NIOLoopBound(session, eventLoop: waiting) }
        }
        let session = try #require(adopted.withLock { $0 })
        following.run {
            let feed = ThreadFeed(thread: Self.thread, framing: delivery.number(of: .lengthPrefixed))
            _ = delivery.listen(to: feed, on: delivery.loop(of: following))
        }
        let loop = delivery.loop(of: waiting)
        #expect(loop.number < delivery.loop(of: following).number, "it is looked at first")
        moment.set {
            waiting.run {
                loop.state.beginAwaitingCommits(session.value)
                delivery.catchUp(loop)
            }
        }
        delivery.didCommit(Self.commit, upTo: 1)
        while waiting.runNext() {}
        var told: UInt64?
        waiting.run { told = loop.state.committedPosition }
        #expect(told == 1)
    }
}
