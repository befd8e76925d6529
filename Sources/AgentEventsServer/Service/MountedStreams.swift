package import AgentEvents
import Logging
package import NIOCore

/// The WebSocket side of a service on event loops and channels of the caller: what a simulation drives.
package struct MountedStreams: Sendable {
    /// The limits that a simulation makes small.
    package struct Limits: Sendable {
        package var outboundWatermarkByteCount = 4096
        package var pageByteCount = 2048
        package var maximumPages = 2
        package var maximumInboxByteCount = 16 * 1024
        package var maximumWriteByteCount = 8192
        package var maximumSubscriptions = 8
        package var heartbeatMilliseconds: UInt32 = 5000
        package var stallMilliseconds: UInt32 = 12_000

        package init() {}
    }

    private let endpoint: StreamEndpoint

    /// - Parameter group: its loops are those that channels are adopted on.
    package init(runtime: AgentRuntime, group: any EventLoopGroup, limits: Limits) {
        var all = StreamLimits()
        all.outboundWatermarkByteCount = limits.outboundWatermarkByteCount
        all.pageByteCount = limits.pageByteCount
        all.maximumPages = limits.maximumPages
        all.maximumInboxByteCount = limits.maximumInboxByteCount
        all.maximumWriteByteCount = limits.maximumWriteByteCount
        all.maximumSubscriptions = limits.maximumSubscriptions
        all.heartbeatMilliseconds = limits.heartbeatMilliseconds
        all.stallMilliseconds = limits.stallMilliseconds
        endpoint = StreamEndpoint(
            runtime: runtime, authenticator: NoAuthentication(),
            origins: OriginPolicy(allowedOrigins: [], needsCredentials: false), readiness: Readiness(), limits: all,
            eventLoopGroup: group, logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() })
    }

    /// A connection after its upgrade. Called on the channel's loop.
    package func adopt(_ channel: any Channel, as principal: Principal) throws {
        try endpoint.adopt(channel, as: principal)
    }

    /// Works for the connections until ``finish()``.
    package func run() async { await endpoint.run() }

    /// All connections are closed: the work under way is finished, and ``run()`` returns.
    package func finish() { endpoint.finish() }

    /// Tells every connection that the service is about to stop.
    package func drain(spreadMilliseconds: Int64) { endpoint.drain(spreadMilliseconds: spreadMilliseconds) }

    /// Tells every connection that the service goes away.
    package func closeConnections(waitsForAnswers: Bool) {
        endpoint.closeConnections(waitsForAnswers: waitsForAnswers)
    }

    /// Returns when every connection was sent its close.
    package func waitForConnections() async { await endpoint.waitForConnections() }
}
