#if TLS
    public import AgentEvents
    import AgentEventsFiles
    public import AgentEventsHub
    package import CoreMetrics
    import NIOCore
    import NIOSSL
    import Synchronization

    /// The certificate of a service and its private key, read from files in PEM form.
    ///
    /// Connections are encrypted with TLS 1.2 or 1.3. ``reload()`` reads the files again: a pair that is whole and valid serves
    /// the connections that are accepted from then on; with any other the pair that is there stays in use. Connections that are
    /// open are not touched.
    public final class ServerCertificate: Reloadable {
        /// Certificates of a whole chain are a few kilobytes.
        private static let maximumByteCount = 1 << 20

        public let name = "certificate"
        private let certificatePath: String
        private let keyPath: String
        private let clock: WallClock
        private let current: Mutex<Pair>
        private let expiry: Meter

        private struct Pair: Sendable {
            let context: NIOSSLContext
            let validUntil: Timestamp
        }

        /// - Parameters:
        ///   - certificatePath: the file with the certificate, and after it those that lead to its authority.
        ///   - keyPath: the file with the private key; for its owner alone, or of root and readable by its group.
        ///   - clock: tells whether the certificate is valid.
        /// - Throws: ``ServiceError`` `server.certificate_invalid` when a file cannot be read or has more than a megabyte, others
        ///   may use the key, the two do not belong together, or the certificate is not valid now.
        public convenience init(
            certificatePath: String,
            keyPath: String,
            clock: WallClock = .system
        ) throws(ServiceError) {
            try self.init(
                certificatePath: certificatePath, keyPath: keyPath, clock: clock, metrics: MetricsSystem.factory)
        }

        package init(
            certificatePath: String,
            keyPath: String,
            clock: WallClock = .system,
            metrics: any MetricsFactory
        ) throws(ServiceError) {
            self.certificatePath = certificatePath
            self.keyPath = keyPath
            self.clock = clock
            let pair = try Self.pair(certificatePath, keyPath, now: clock.now())
            current = Mutex(pair)
            expiry = ServiceMetric.certificateExpiry.meter(in: metrics)
            expiry.set(pair.validUntil.milliseconds / 1000)
        }

        /// The time at which the certificate in use is no longer valid.
        public var validUntil: Timestamp { current.withLock { $0.validUntil } }

        /// - Throws: ``ServiceError`` `server.certificate_invalid`, as at the start; the pair that is there stays in use.
        public func reload() throws { try prepare()() }

        public func prepareReload() async throws -> @Sendable () -> Void { try prepare() }

        private func prepare() throws(ServiceError) -> @Sendable () -> Void {
            // Read before the lock is taken: handshakes do not wait for a disk.
            let pair = try Self.pair(certificatePath, keyPath, now: clock.now())
            return { [self] in
                current.withLock { $0 = pair }
                expiry.set(pair.validUntil.milliseconds / 1000)
            }
        }

        /// The handler of a new connection.
        func makeHandler() -> NIOSSLServerHandler {
            let context = current.withLock { $0.context }
            var configuration = NIOSSLHandler.Configuration()
            // Kept for as long as the connection is there.
            configuration.maximumPreservedOutboundBufferCapacity = 64 * 1024
            return NIOSSLServerHandler(context: context, configuration: configuration)
        }

        private static func pair(
            _ certificatePath: String,
            _ keyPath: String,
            now: Timestamp
        ) throws(ServiceError) -> Pair {
            let chain: [NIOSSLCertificate]
            do {
                chain = try NIOSSLCertificate.fromPEMBytes(try bytes(of: certificatePath, isSecret: false))
            } catch let error as ServiceError {
                throw error
            } catch {
                throw invalid("\(certificatePath) holds no certificate in PEM form", error)
            }
            guard let leaf = chain.first else {
                throw invalid("\(certificatePath) holds no certificate in PEM form", nil)
            }
            let key: NIOSSLPrivateKey
            do {
                key = try NIOSSLPrivateKey(bytes: try bytes(of: keyPath, isSecret: true), format: .pem)
            } catch let error as ServiceError {
                throw error
            } catch {
                throw invalid("\(keyPath) holds no private key in PEM form without a passphrase", error)
            }
            let validFrom = Timestamp(milliseconds: Int64(leaf.notValidBefore) * 1000)
            let validUntil = Timestamp(milliseconds: Int64(leaf.notValidAfter) * 1000)
            guard now.milliseconds < validUntil.milliseconds else {
                throw invalid(
                    "the certificate in \(certificatePath) has expired: it was valid until \(validUntil)", nil)
            }
            guard now.milliseconds >= validFrom.milliseconds else {
                throw invalid("the certificate in \(certificatePath) is valid from \(validFrom) only", nil)
            }
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = ["http/1.1"]
            // How long a client that is closed may take to answer its goodbye.
            configuration.shutdownTimeout = .seconds(2)
            do {
                return Pair(context: try NIOSSLContext(configuration: configuration), validUntil: validUntil)
            } catch {
                throw invalid("the key in \(keyPath) does not belong to the certificate in \(certificatePath)", error)
            }
        }

        private static func bytes(of path: String, isSecret: Bool) throws(ServiceError) -> [UInt8] {
            do throws(ConfiguredFile.ReadingError) {
                return try ConfiguredFile.read(path, maximumByteCount: maximumByteCount, isSecret: isSecret)
            } catch {
                throw invalid(error.message, error)
            }
        }

        private static func invalid(_ problem: String, _ cause: (any Error)?) -> ServiceError {
            ServiceError(.certificateInvalid, "TLS needs a certificate and its key: \(problem)", cause: cause)
        }
    }
#endif
