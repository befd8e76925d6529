import AgentEventsClient
import NIOCore
import NIOEmbedded
import Testing

@Suite struct SilenceWatchdogTests {
    private static func channel() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(handler: SilenceWatchdog(limit: .seconds(10)))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    private static func isSilent(_ channel: EmbeddedChannel) -> Bool {
        do {
            try channel.throwIfErrorCaught()
            return false
        } catch {
            return AgentEventsClientError.Code.silent ~= error
        }
    }

    @Test func aSilenceOfTheWholeLimitIsTheEnd() throws {
        let channel = try Self.channel()
        channel.read()
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(9999))
        #expect(!Self.isSilent(channel))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(Self.isSilent(channel))
        #expect(!channel.isActive)
    }

    @Test func whateverArrivesBeginsANewSilence() throws {
        let channel = try Self.channel()
        for _ in 0..<5 {
            channel.read()
            channel.embeddedEventLoop.advanceTime(by: .seconds(9))
            try channel.writeInbound(ByteBuffer(string: "x"))
        }
        #expect(!Self.isSilent(channel))
        channel.read()
        channel.embeddedEventLoop.advanceTime(by: .seconds(10))
        #expect(Self.isSilent(channel))
    }

    @Test func aReaderThatDoesNotReadHearsNothingAndTakesNobodyForDead() throws {
        let channel = try Self.channel()
        channel.read()
        try channel.writeInbound(ByteBuffer(string: "x"))
        channel.embeddedEventLoop.advanceTime(by: .hours(1))
        #expect(!Self.isSilent(channel))
        channel.read()
        channel.embeddedEventLoop.advanceTime(by: .seconds(5))
        #expect(!Self.isSilent(channel))
    }

    @Test func theLimitCanBeChanged() throws {
        let channel = try Self.channel()
        channel.read()
        try channel.triggerUserOutboundEvent(SilenceWatchdog.Limit(duration: .seconds(60))).wait()
        channel.embeddedEventLoop.advanceTime(by: .seconds(59))
        #expect(!Self.isSilent(channel))
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(Self.isSilent(channel))
    }
}
