import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How the service ends when it is told to.
struct SignalTests {
    /// A connection with a request that is never whole holds the service up.
    private static func withUnfinishedRequest(_ service: RunningService, _ body: () async throws -> Void) async throws {
        let port = try #require(service.authority.split(separator: ":").last.flatMap { UInt16($0) })
        #if canImport(Glibc)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0)
        let head = "POST /v1/threads/t/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{"
        try #require(send(descriptor, head, head.utf8.count, 0) == head.utf8.count)
        try await body()
    }

    @Test func theFirstSignalStopsGracefullyAndTheSecondAtOnce() async throws {
        let arguments = ["--in-memory", "--drain-timeout", "600", "--log-level", "info"]
        try await RunningService.with(arguments) { service in
            try await Self.withUnfinishedRequest(service) {
                service.program.send(signal: SIGTERM)
                _ = try await service.program.error(containing: "service stopping")
                service.program.send(signal: SIGTERM)
                let outcome = try await service.program.outcome()
                #expect(outcome.status == 0)
            }
        }
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func theDrainTimeoutBoundsTheStop(_ signal: Int32) async throws {
        try await RunningService.with(["--in-memory", "--drain-timeout", "0.5"]) { service in
            try await Self.withUnfinishedRequest(service) {
                service.program.send(signal: signal)
                let outcome = try await service.program.outcome()
                #expect(outcome.status == 0)
            }
        }
    }
}
