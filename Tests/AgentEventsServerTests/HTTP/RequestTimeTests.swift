import AgentEventsHub
import AgentEventsProtocol
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// Requests that take their time (SEC-07): each byte gets the client nothing but what is due for it.
struct RequestTimeTests {
    private typealias Machine = RequestTimeStateMachine

    @Test func aHeadHasItsTime() {
        var machine = Machine()
        #expect(machine.deadline == nil)
        machine.reads(at: 0)
        machine.readComplete(at: 1000)
        for second in 1...9 as ClosedRange<Int64> {
            machine.readComplete(at: second * 1000)
            machine.reads(at: second * 1000)
        }
        #expect(machine.deadline == 11_000)
        #expect(machine.deadlinePassed(at: 10_999) == .wait(until: 11_000))
        #expect(machine.deadlinePassed(at: 11_000) == .timeOut)
        #expect(machine.deadlinePassed(at: 12_000) == .none)
    }

    @Test func aBodyHasTimeForWhatHasComeOfIt() {
        var machine = Machine()
        machine.receivedHead(awaitsWord: false, at: 0)
        #expect(machine.deadline == 30_000)
        machine.receivedBody(byteCount: 160 * 1024, at: 1000)
        #expect(machine.deadline == 40_000)
        machine.receivedEnd()
        #expect(machine.deadline == nil)
        machine.readComplete(at: 2000)
        #expect(machine.deadline == nil)
    }

    @Test func timeInWhichNothingIsReadIsNotTheClients() {
        var machine = Machine()
        machine.receivedHead(awaitsWord: false, at: 0)
        machine.readComplete(at: 1000)
        #expect(machine.deadlinePassed(at: 30_000) == .wait(until: 40_000))
        machine.reads(at: 100_000)
        #expect(machine.deadline == 129_000)
        #expect(machine.deadlinePassed(at: 129_000) == .timeOut)
    }

    @Test func aClientThatWaitsForAWordIsWaitedForFromThen() {
        var machine = Machine()
        machine.receivedHead(awaitsWord: true, at: 0)
        #expect(machine.deadline == nil)
        machine.gaveWord(at: 50_000)
        #expect(machine.deadline == 80_000)
    }

    @Test func aClientThatHasSaidAllIsNotWaitedFor() {
        var machine = Machine()
        machine.receivedHead(awaitsWord: false, at: 0)
        machine.receivedEnd()
        machine.readComplete(at: 0)
        machine.inputClosed()
        machine.readComplete(at: 1)
        #expect(machine.deadline == nil)
    }

    /// The handlers as they stand in a connection, and a clock that the test turns.
    private final class Stage {
        let loop = EmbeddedEventLoop()
        let channel: EmbeddedChannel
        private(set) var failures: [RequestFailure] = []

        init() throws {
            channel = EmbeddedChannel(loop: loop)
            try channel.pipeline.syncOperations.addHandler(RequestTimeHandler())
            try channel.pipeline.syncOperations.addHandler(
                ParseErrorHandler(origins: OriginPolicy(allowedOrigins: [], needsCredentials: false)) {
                    [unowned self] in
                    failures.append($0)
                })
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            channel.read()
        }

        func feed(_ parts: HTTPServerRequestPart...) {
            for part in parts { channel.pipeline.fireChannelRead(part) }
            channel.pipeline.fireChannelReadComplete()
            channel.read()
        }

        func answer() throws {
            try channel.writeOutbound(
                HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: .ok)))
            try channel.writeOutbound(HTTPServerResponsePart.end(nil))
        }

        func advance(seconds: Int64) { loop.advanceTime(by: .seconds(seconds)) }

        /// The heads of answers.
        func statuses() throws -> [UInt] {
            var statuses: [UInt] = []
            while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) {
                if case .head(let head) = part { statuses.append(head.status.code) }
            }
            return statuses
        }

        func finish() { _ = try? channel.finish(acceptAlreadyClosed: true) }
    }

    private static func head(
        _ fields: [(String, String)] = [], hosts: [String] = ["localhost"], version: HTTPVersion = .http1_1
    ) -> HTTPServerRequestPart {
        let headers = HTTPHeaders(hosts.map { ("Host", $0) } + fields)
        return .head(HTTPRequestHead(version: version, method: .POST, uri: "/", headers: headers))
    }

    private static let byte = HTTPServerRequestPart.body(ByteBuffer(string: "x"))

    @Test func aBodyThatComesByteByByteIsAnsweredAndClosed() throws {
        let stage = try Stage()
        defer { stage.finish() }
        stage.feed(Self.head())
        for _ in 0..<29 {
            stage.advance(seconds: 1)
            stage.feed(Self.byte)
        }
        #expect(stage.channel.isActive)
        #expect(stage.failures.isEmpty)
        stage.advance(seconds: 2)
        #expect(try stage.statuses() == [408])
        #expect(stage.failures == [.late])
        #expect(!stage.channel.isActive)
    }

    @Test func aSecondHeadThatNeverEndsIsAnsweredAndClosed() throws {
        let stage = try Stage()
        defer { stage.finish() }
        stage.feed(Self.head(), .end(nil))
        try stage.answer()
        stage.advance(seconds: 100)
        #expect(stage.channel.isActive)
        // Bytes of which no head has come yet.
        stage.feed()
        stage.advance(seconds: 9)
        stage.feed()
        #expect(stage.channel.isActive)
        stage.advance(seconds: 1)
        #expect(try stage.statuses() == [200, 408])
        #expect(!stage.channel.isActive)
    }

    @Test func aRequestInTimeIsNotTouched() throws {
        let stage = try Stage()
        defer { stage.finish() }
        for _ in 0..<10 {
            stage.feed(Self.head(), Self.byte)
            stage.advance(seconds: 29)
            stage.feed(Self.byte, .end(nil))
            stage.advance(seconds: 50)
            try stage.answer()
        }
        #expect(try stage.statuses() == Array(repeating: 200, count: 10))
        #expect(stage.channel.isActive)
    }

    @Test func anAnswerThatIsBeingGivenIsNotCut() throws {
        let stage = try Stage()
        defer { stage.finish() }
        stage.feed(Self.head(), .end(nil), Self.head())
        stage.advance(seconds: 31)
        #expect(try stage.statuses() == [])
        try stage.answer()
        #expect(try stage.statuses() == [200, 408])
        #expect(!stage.channel.isActive)
    }

    @Test(arguments: [[], ["localhost", "evil.test"]]) func aRequestForNoHostOrForTwoIsRefused(_ hosts: [String]) throws
    {
        let stage = try Stage()
        defer { stage.finish() }
        stage.feed(Self.head(hosts: hosts), .end(nil))
        #expect(try stage.statuses() == [400])
        #expect(!stage.channel.isActive)
    }

    @Test func oneOfHTTP10NeedsNoHost() throws {
        let stage = try Stage()
        defer { stage.finish() }
        stage.feed(Self.head(hosts: [], version: .http1_0), .end(nil))
        try stage.answer()
        #expect(try stage.statuses() == [200])
    }
}
