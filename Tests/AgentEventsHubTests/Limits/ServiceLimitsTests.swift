import AgentEvents
import AgentEventsProtocol
import Logging
import MetricsTestKit
import Testing

@testable import AgentEventsHub

struct ServiceLimitsTests {
    private struct Stage {
        let metrics = TestMetrics()
        let limits: ServiceLimits

        init(_ change: (inout LimitConfiguration) -> Void = { _ in }) {
            var configuration = LimitConfiguration()
            change(&configuration)
            // No time passes: nothing comes back.
            var environment = Environment.system
            environment.monotonicNow = { .zero }
            limits = ServiceLimits(
                configuration, metrics: metrics, logger: Logger(label: "test"), environment: environment)
        }

        func hits(_ limit: LimitName, _ action: LimitAction) throws -> Int64 {
            try metrics.expectCounter(
                "agent_events_limit_hits_total", [("limit", limit.rawValue), ("action", action.rawValue)]
            ).totalValue
        }
    }

    private static let user = Principal(user: "u_1")
    private static let emitter = Principal(user: "u_2", scopes: [.emit])
    private static let address = AddressKey.v4(0xC000_0207)

    @Test func addressesHaveALimitOfTheirOwn() throws {
        let stage = Stage { $0.connectionsPerAddress = 5 }
        for _ in 0..<5 { #expect(stage.limits.connect(Self.address) == nil) }
        let refusal = try #require(stage.limits.connect(Self.address))
        #expect(refusal.code == .tooManyConnections)
        #expect(refusal.isRetryable && refusal.retryAfterMilliseconds != nil)
        #expect(stage.limits.connect(.v4(7)) == nil)
        stage.limits.disconnect(Self.address)
        #expect(stage.limits.connect(Self.address) == nil)
        #expect(try stage.hits(.addressConnections, .refused) == 1)
    }

    /// The room of one user may be tried out; that on the disk is the log's own.
    @Test func storageIsTriedOutAndTheDiskIsNot() throws {
        for isDryRun in [false, true] {
            let stage = Stage { $0.isDryRun = isDryRun }
            #expect(stage.limits.applies(StorageLimit.user) == !isDryRun)
            #expect(stage.limits.applies(StorageLimit.disk))
            #expect(try stage.hits(.storage, .refused) == (isDryRun ? 0 : 1))
            #expect(try stage.hits(.storage, .observed) == (isDryRun ? 1 : 0))
            #expect(try stage.hits(.disk, .refused) == 1)
            #expect(try stage.hits(.disk, .observed) == 0)
        }
    }

    /// All of them are those of now: the rates that an address has, the connections that nothing is counted of, the size of an
    /// emitter.
    @Test func whatIsReplacedIsReplacedWhole() throws {
        let stage = Stage { $0 = .none }
        var limits = LimitConfiguration()
        limits.connectsPerAddress = [RateLimit(1, per: .seconds(60))]
        limits.includesLoopback = true
        limits.messages = RateLimit(1, per: .seconds(60))
        limits.emitterFactor = 2
        stage.limits.replace(by: limits)
        #expect(stage.limits.configuration == limits)
        #expect(stage.limits.limited(.v4(0x7F00_0001)) != nil)
        #expect(stage.limits.connect(Self.address) == nil)
        #expect(stage.limits.connect(Self.address)?.code == .tooManyConnects)
    }

    /// What was counted before counts, also what was counted while nothing was limited.
    @Test func otherLimitsCountFromThenOn() throws {
        let stage = Stage { $0 = .none }
        for _ in 0..<3 {
            #expect(stage.limits.connect(Self.address) == nil)
            #expect(stage.limits.connect("u_1") == nil)
            #expect(stage.limits.request(of: Self.user) == nil)
        }
        var limits = LimitConfiguration()
        limits.connectionsPerAddress = 3
        limits.connectionsPerUser = 3
        limits.messages = RateLimit(1, per: .seconds(60))
        stage.limits.replace(by: limits)
        #expect(stage.limits.connect(Self.address)?.code == .tooManyConnections)
        #expect(stage.limits.connect("u_1")?.code == .tooManyUserConnections)
        #expect(stage.limits.request(of: Self.user) == nil)
        #expect(stage.limits.request(of: Self.user)?.code == .rateLimited)
        stage.limits.disconnect(Self.address)
        stage.limits.disconnect("u_1")
        #expect(stage.limits.connect(Self.address) == nil)
        #expect(stage.limits.connect("u_1") == nil)
        // A rate that is the same goes on, and of another one as much is used.
        limits.connectionsPerUser = 4
        stage.limits.replace(by: limits)
        #expect(stage.limits.request(of: Self.user)?.code == .rateLimited)
        #expect(stage.limits.connect("u_1") == nil)
        limits.messages = RateLimit(2, per: .seconds(60))
        limits.isDryRun = true
        stage.limits.replace(by: limits)
        for _ in 0..<3 { #expect(stage.limits.request(of: Self.user) == nil) }
        #expect(stage.limits.connect("u_1") == nil)
        #expect(try stage.hits(.rate, .refused) == 2)
        #expect(try stage.hits(.rate, .observed) == 2)
        stage.limits.replace(by: .none)
        for _ in 0..<9 { #expect(stage.limits.request(of: Self.user) == nil) }
    }

    @Test func connectionsThatComeTooOftenAreRefused() throws {
        let stage = Stage()
        for _ in 0..<20 {
            #expect(stage.limits.connect(Self.address) == nil)
            stage.limits.disconnect(Self.address)
        }
        #expect(stage.limits.connect(Self.address)?.code == .tooManyConnects)
        #expect(try stage.hits(.connects, .refused) == 1)
    }

    @Test func addressesOfThisMachineAreLimitedOnlyIfWanted() {
        let loopback = AddressKey.v4(0x7F00_0001)
        #expect(Stage().limits.limited(loopback) == nil)
        #expect(Stage().limits.limited(Self.address) == Self.address)
        #expect(Stage { $0.includesLoopback = true }.limits.limited(loopback) == loopback)
    }

    @Test func credentialsAreNotLookedAtForEver() throws {
        let stage = Stage()
        for _ in 0..<20 {
            #expect(stage.limits.refusalOfCredentials(from: Self.address) == nil)
            stage.limits.recordAuthenticationFailure(from: Self.address)
        }
        let refusal = try #require(stage.limits.refusalOfCredentials(from: Self.address))
        #expect(refusal.code == .tooManyAuthenticationFailures)
        #expect((1...3000).contains(try #require(refusal.retryAfterMilliseconds)))
        #expect(stage.limits.refusalOfCredentials(from: .v4(7)) == nil)
        #expect(stage.limits.refusalOfCredentials(from: nil) == nil)
        #expect(try stage.hits(.authenticationFailures, .refused) == 1)
    }

    @Test func usersHaveLimitsOfTheirOwn() throws {
        let stage = Stage()
        for _ in 0..<32 { #expect(stage.limits.connect("u_1") == nil) }
        #expect(stage.limits.connect("u_1")?.code == .tooManyUserConnections)
        #expect(stage.limits.connect("u_2") == nil)
        for _ in 0..<10 { #expect(stage.limits.message(of: Self.user, in: "t") == nil) }
        #expect(stage.limits.message(of: Self.user, in: "t")?.code == .tooManyMessages)
        for _ in 0..<60 { #expect(stage.limits.opening(of: "t", for: "u_1", by: Self.user) == nil) }
        let refusal = try #require(stage.limits.opening(of: "t", for: "u_1", by: Self.user))
        #expect(refusal.code == .tooManyThreads)
        #expect(refusal.threadID == "t")
        for _ in 0..<50 { #expect(stage.limits.command(of: Self.user, in: "t") == nil) }
        #expect(stage.limits.command(of: Self.user, in: "t")?.code == .tooManyCommands)
        for _ in 0..<200 { #expect(stage.limits.request(of: Self.user) == nil) }
        #expect(stage.limits.request(of: Self.user)?.code == .rateLimited)
        for limit in [LimitName.messages, .threads, .commands, .rate] {
            #expect(try stage.hits(limit, .refused) == 1)
        }
        #expect(try stage.hits(.userConnections, .closed) == 1)
    }

    @Test func programsMayDoMore() {
        let limits = Stage().limits
        for _ in 0..<1000 {
            #expect(limits.opening(of: "t", for: "u_3", by: Self.emitter) == nil)
            #expect(limits.message(of: Self.emitter, in: "t") == nil)
            #expect(limits.request(of: Self.emitter) == nil)
        }
    }

    @Test func limitsThatAreTriedOutAreCountedAndRefuseNothing() throws {
        let stage = Stage { $0.isDryRun = true }
        for _ in 0..<300 {
            #expect(stage.limits.connect(Self.address) == nil)
            #expect(stage.limits.connect("u_1") == nil)
            #expect(stage.limits.request(of: Self.user) == nil)
            #expect(stage.limits.message(of: Self.user, in: "t") == nil)
            #expect(stage.limits.opening(of: "t", for: "u_1", by: Self.user) == nil)
            stage.limits.recordAuthenticationFailure(from: Self.address)
            #expect(stage.limits.refusalOfCredentials(from: Self.address) == nil)
        }
        for (limit, action) in [
            (LimitName.userConnections, LimitAction.closed), (.rate, .refused), (.messages, .refused),
            (.threads, .refused), (.authenticationFailures, .refused),
        ] {
            #expect(try stage.hits(limit, .observed) > 50)
            #expect(try stage.hits(limit, action) == 0)
        }
    }

    @Test func moreAddressesThanAreKeptInMindPass() throws {
        let stage = Stage { $0.maximumTrackedCount = 64 }
        for number in 0..<1000 as Range<UInt32> { #expect(stage.limits.connect(.v4(number)) == nil) }
        #expect(try stage.hits(.tracking, .passed) > 900)
    }

    @Test func withoutLimitsNothingIsKept() {
        let stage = Stage { $0 = .none }
        for _ in 0..<10_000 {
            #expect(stage.limits.connect(Self.address) == nil)
            #expect(stage.limits.connect("u_1") == nil)
            #expect(stage.limits.request(of: Self.user) == nil)
            #expect(stage.limits.command(of: Self.user, in: "t") == nil)
            #expect(stage.limits.opening(of: "t", for: "u_1", by: Self.user) == nil)
        }
    }
}
