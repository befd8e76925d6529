import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import AgentEventsTestSupport
import AgentEventsTesting
import Foundation
import Logging
import MetricsTestKit
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@Suite("SEC-73: TLS", .timeLimit(.minutes(10))) struct TLSTests {
    private static let draft = EventDraft(.custom(CustomEvent(name: "n", value: 1)))
    private static let subject = "IP:127.0.0.1,DNS:localhost"

    private static func client(_ port: Int, host: String = "127.0.0.1", trusting authority: TestAuthority?)
        -> StreamClient
    {
        var configuration = ClientConfiguration()
        // For what hangs, and not for what is slow.
        configuration.connectTimeout = .seconds(300)
        configuration.certificateAuthorityFile = authority?.file
        return StreamClient(url: StreamURL(host: host, port: port, isSecure: true), configuration: configuration)
    }

    private static func emit(_ client: StreamClient) async throws {
        #expect(try await client.emit([draft], thread: "t_1").count == 1)
    }

    private static func code(of client: StreamClient) async -> AgentEventsClientError.Code? {
        do {
            try await emit(client)
            return nil
        } catch {
            return (error as? AgentEventsClientError)?.code
        }
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func eventsGoOverAnEncryptedConnection(_ host: String) async throws {
        try await withTestFolder { folder in
            let authority = try TestAuthority("ca", in: folder)
            let pair = try authority.issue("server", for: Self.subject)
            let certificate = try ServerCertificate(certificatePath: pair.certificate, keyPath: pair.key)
            try await withRunningService(configure: { $0.listener.certificate = certificate }) { service in
                let client = Self.client(service.client.port, host: host, trusting: authority)
                try await Self.emit(client)
                let read = try await client.withEvents(of: "t_1", from: .start) { events -> Cursor? in
                    for try await element in events {
                        if case .event(let event) = element { return event.cursor }
                    }
                    return nil
                }
                #expect(read == Cursor(generation: 1, sequence: 1))
            }
        }
    }

    @Test func aServiceThatIsNotTheOneAskedForIsNotTalkedTo() async throws {
        try await withTestFolder { folder in
            let authority = try TestAuthority("ca", in: folder)
            let other = try TestAuthority("other", in: folder)
            let pair = try authority.issue("server", for: "DNS:events.example.com")
            let certificate = try ServerCertificate(certificatePath: pair.certificate, keyPath: pair.key)
            try await withRunningService(configure: { $0.listener.certificate = certificate }) { service in
                let port = service.client.port
                // Another name, by name and by address; another authority; those of the system.
                for client in [
                    Self.client(port, host: "localhost", trusting: authority), Self.client(port, trusting: authority),
                    Self.client(port, host: "localhost", trusting: other), Self.client(port, trusting: nil),
                ] {
                    #expect(await Self.code(of: client) == .untrusted)
                }
                var configuration = ClientConfiguration()
                configuration.certificateAuthorityFile = folder + "/nothing.pem"
                let client = StreamClient(
                    url: StreamURL(host: "localhost", port: port, isSecure: true), configuration: configuration)
                #expect(await Self.code(of: client) == .untrusted)
                let record = try await service.runtime.log.thread("t_1")
                #expect(record == nil)
            }
        }
    }

    @Test func aServiceWithoutTLSIsUnreachableForAClientWithIt() async throws {
        try await withTestFolder { folder in
            let authority = try TestAuthority("ca", in: folder)
            try await withRunningService { service in
                #expect(await Self.code(of: Self.client(service.client.port, trusting: authority)) == .unreachable)
            }
        }
    }

    /// Connects with TLS and nothing else; returns the version, or the error.
    private static func handshake(
        _ port: Int,
        _ authority: TestAuthority,
        _ configure: (inout TLSConfiguration) -> Void
    ) async throws -> Bool {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(authority.file)
        configure(&configuration)
        let context = try NIOSSLContext(configuration: configuration)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        try NIOSSLClientHandler(context: context, serverHostname: nil))
                    return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        do {
            return try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(
                    ByteBuffer(string: "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
                for try await part in inbound { return String(buffer: part).hasPrefix("HTTP/1.1 200") }
                return false
            }
        } catch is NIOSSLError {
            return false
        } catch is ChannelError {
            // Closed before anything was sent.
            return false
        }
    }

    @Test func versionsBefore12AreRefused() async throws {
        try await withTestFolder { folder in
            let authority = try TestAuthority("ca", in: folder)
            let pair = try authority.issue("server", for: Self.subject)
            let certificate = try ServerCertificate(certificatePath: pair.certificate, keyPath: pair.key)
            try await withRunningService(configure: { $0.listener.certificate = certificate }) { service in
                let port = service.client.port
                let ofOld = try await Self.handshake(port, authority) {
                    ($0.minimumTLSVersion, $0.maximumTLSVersion) = (.tlsv1, .tlsv11)
                }
                #expect(!ofOld)
                for version in [TLSVersion.tlsv12, .tlsv13] {
                    let isServed = try await Self.handshake(port, authority) {
                        ($0.minimumTLSVersion, $0.maximumTLSVersion) = (version, version)
                    }
                    #expect(isServed)
                }
            }
        }
    }

    // MARK: Reloading

    @Test func aReloadServesNewConnectionsWithTheNewCertificateAndLeavesTheOthersAlone() async throws {
        try await withTestFolder { folder in
            let old = try TestAuthority("old", in: folder)
            let new = try TestAuthority("new", in: folder)
            let pair = try old.issue("server", for: Self.subject)
            let certificate = try ServerCertificate(certificatePath: pair.certificate, keyPath: pair.key)
            try await withRunningService(configure: { $0.listener.certificate = certificate }) { service in
                let port = service.client.port
                try await Self.client(port, trusting: old).withEmitter { emitter in
                    #expect(try await emitter.emit([Self.draft], thread: "t_1").count == 1)
                    _ = try new.issue("server", for: Self.subject)
                    try certificate.reload()
                    try await Self.emit(Self.client(port, trusting: new))
                    #expect(await Self.code(of: Self.client(port, trusting: old)) == .untrusted)
                    // Open since before.
                    #expect(try await emitter.emit([Self.draft], thread: "t_1").count == 1)
                }
            }
        }
    }

    @Test func theEndOfTheCertificateIsAMetric() async throws {
        try await withTestFolder { folder in
            let authority = try TestAuthority("ca", in: folder)
            let pair = try authority.issue("server", for: Self.subject, days: 3)
            let metrics = TestMetrics()
            let certificate = try ServerCertificate(
                certificatePath: pair.certificate, keyPath: pair.key, metrics: metrics)
            let meter = try metrics.expectMeter("agent_events_certificate_expiry_timestamp_seconds")
            #expect(meter.lastValue == Double(certificate.validUntil.milliseconds / 1000))
            _ = try authority.issue("server", for: Self.subject, days: 300)
            let before = certificate.validUntil
            try certificate.reload()
            #expect(certificate.validUntil.milliseconds > before.milliseconds + 200 * 86_400_000)
            #expect(meter.lastValue == Double(certificate.validUntil.milliseconds / 1000))
        }
    }

    /// What can be wrong with a pair of files that is reloaded.
    enum Fault: CaseIterable {
        case noCertificate, noKey, otherKey, openKey, noPEM, emptyFile, expired

        func make(_ pair: (certificate: String, key: String), _ authority: TestAuthority) throws {
            let files = FileManager.default
            switch self {
            case .noCertificate: try files.removeItem(atPath: pair.certificate)
            case .noKey: try files.removeItem(atPath: pair.key)
            case .otherKey:
                let other = try authority.issue("second", for: TLSTests.subject)
                try files.removeItem(atPath: pair.key)
                try files.copyItem(atPath: other.key, toPath: pair.key)
            case .openKey: try files.setAttributes([.posixPermissions: 0o640], ofItemAtPath: pair.key)
            case .noPEM: try Data("not a certificate".utf8).write(to: URL(fileURLWithPath: pair.certificate))
            case .emptyFile: try Data().write(to: URL(fileURLWithPath: pair.key))
            case .expired: _ = try authority.issue("server", for: TLSTests.subject, days: -1)
            }
        }
    }

    @Test(arguments: Fault.allCases)
    func aPairThatCannotBeUsedLeavesTheOldOneInUseWithOneErrorAndACount(_ fault: Fault) async throws {
        try await withTestFolder { folder in
            let authority = try TestAuthority("ca", in: folder)
            let pair = try authority.issue("server", for: Self.subject)
            let certificate = try ServerCertificate(certificatePath: pair.certificate, keyPath: pair.key)
            let validUntil = certificate.validUntil
            let metrics = TestMetrics()
            let lines = LineRecord<String>()
            let logger = Logger(label: "test") { _ in
                RecordingLogHandler { level, message, metadata in
                    lines.append("\(level) \(message) \(metadata["reload.part"] ?? "")")
                }
            }
            let reloads = ReloadGroup([certificate], logger: logger, metrics: metrics)
            try await withRunningService(configure: { $0.listener.certificate = certificate }) { service in
                try fault.make(pair, authority)
                await reloads.reload()
                try await Self.emit(Self.client(service.client.port, trusting: authority))
            }
            #expect(certificate.validUntil == validUntil)
            #expect(lines.all == ["error not reloaded, the old one is kept certificate"])
            #expect(try metrics.expectCounter("agent_events_reload_failures_total").totalValue == 1)
            // A new process does not start with it.
            let error = #expect(throws: ServiceError.self) {
                try ServerCertificate(certificatePath: pair.certificate, keyPath: pair.key)
            }
            #expect(error?.code == .certificateInvalid)
        }
    }

    @Test func aCertificateThatIsNotValidYetIsNotUsed() async throws {
        try await withTestFolder { folder in
            let pair = try TestAuthority("ca", in: folder).issue("server", for: Self.subject)
            let error = #expect(throws: ServiceError.self) {
                try ServerCertificate(
                    certificatePath: pair.certificate, keyPath: pair.key,
                    clock: WallClock { Timestamp(milliseconds: 0) })
            }
            #expect(error?.code == .certificateInvalid)
            #expect(error?.message.contains("is valid from") == true)
        }
    }
}
