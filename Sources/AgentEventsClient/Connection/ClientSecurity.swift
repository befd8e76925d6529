internal import NIOCore

#if TLS
    internal import NIOSSL
    internal import Synchronization

    /// TLS for the connections of a client: version 1.2 or 1.3, and services that show a certificate for their name, of an
    /// authority that is trusted.
    final class ClientSecurity: Sendable {
        private let certificateAuthorityFile: String?
        /// Made at the first connection, since it reads the certificates of the authorities.
        private let context = Mutex<NIOSSLContext?>(nil)

        init(certificateAuthorityFile: String?) { self.certificateAuthorityFile = certificateAuthorityFile }

        /// - Throws: ``AgentEventsClientError`` `client.untrusted` when the file of trusted certificates holds none.
        func prepare() throws(AgentEventsClientError) -> Prepared {
            let context = try context.withLock { (current) throws(AgentEventsClientError) in
                if let current { return current }
                let context = try Self.makeContext(certificateAuthorityFile)
                current = context
                return context
            }
            return Prepared(context: context)
        }

        private static func makeContext(_ file: String?) throws(AgentEventsClientError) -> NIOSSLContext {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = ["http/1.1"]
            configuration.certificateVerification = .fullVerification
            // How long a service that is left may take to answer the goodbye.
            configuration.shutdownTimeout = .seconds(2)
            do {
                if let file { configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(file)) }
                return try NIOSSLContext(configuration: configuration)
            } catch {
                throw AgentEventsClientError(
                    .untrusted,
                    "\(file ?? "the system") holds no certificates of authorities in PEM form, or cannot be read",
                    cause: error)
            }
        }

        struct Prepared: Sendable {
            let context: NIOSSLContext

            /// Adds the handlers of TLS to a connection.
            ///
            /// - Parameter onFailure: is told why the handshake fails.
            func addHandlers(
                to channel: any Channel,
                host: String,
                onFailure: @escaping @Sendable (any Error) -> Void
            ) throws {
                // An address is no name that can be asked for; it is verified as an address then.
                let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
                let name = host.hasSuffix(".") ? String(host.dropLast()) : host
                try channel.pipeline.syncOperations.addHandlers([
                    try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : name),
                    HandshakeFailureHandler(onFailure), GoodbyeHandler(),
                ])
            }
        }

        /// The failure of a handshake in words, or `nil` for another error.
        static func error(_ failure: any Error, _ url: StreamURL) -> AgentEventsClientError? {
            switch failure {
            case let error as NIOSSLExtraError where error == .failedToValidateHostname:
                return AgentEventsClientError(
                    .untrusted, "the certificate that \(url) shows is not for \(url.host)", cause: error)
            case let error as NIOSSLError:
                guard case .handshakeFailed = error else { return nil }
                if "\(error)".contains("CERTIFICATE_VERIFY_FAILED") {
                    return AgentEventsClientError(
                        .untrusted,
                        "the certificate that \(url) shows is not of an authority that is trusted here, or is not valid now",
                        cause: error)
                }
                return AgentEventsClientError(
                    .unreachable, "no TLS at \(url): the handshake failed (does the service speak TLS there?)",
                    cause: error)
            default:
                return nil
            }
        }
    }

    /// Tells the errors of TLS, which the handlers of HTTP after it take for the end of a connection.
    private final class HandshakeFailureHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let onFailure: @Sendable (any Error) -> Void

        init(_ onFailure: @escaping @Sendable (any Error) -> Void) { self.onFailure = onFailure }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            onFailure(error)
            context.fireErrorCaught(error)
        }
    }
#else
    /// There is no TLS without the trait.
    final class ClientSecurity: Sendable {
        init(certificateAuthorityFile: String?) {}

        func prepare() throws(AgentEventsClientError) -> Prepared {
            throw AgentEventsClientError(
                .badURL,
                "this program is built without TLS: switch on the trait TLS, or use http:// to a proxy that adds it")
        }

        struct Prepared: Sendable {
            func addHandlers(
                to channel: any Channel,
                host: String,
                onFailure: @escaping @Sendable (any Error) -> Void
            ) throws {}
        }

        static func error(_ failure: any Error, _ url: StreamURL) -> AgentEventsClientError? { nil }
    }
#endif
