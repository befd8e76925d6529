public import AsyncHTTPClient
import Synchronization

#if TLS
    import NIOSSL
#endif

/// HTTP clients for webhooks whose receivers have certificates of an authority of one's own.
public enum WebhookClient {
    /// The clients of this process: like the shared one, they live as long as it does.
    private static let clients = Mutex<[HTTPClient]>([])

    #if TLS
        /// A client that trusts the authorities of a file, and no others. It lives as long as the process, and is not shut down.
        ///
        /// - Parameter path: the file, in PEM form.
        /// - Throws: ``WebhookError`` `webhook.authority_invalid` when it holds no certificate, or cannot be read.
        public static func trusting(certificatesIn path: String) throws(WebhookError) -> HTTPClient {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.minimumTLSVersion = .tlsv12
            do {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(path))
            } catch {
                throw WebhookError(
                    .authorityInvalid, "\(path) holds no certificates of authorities in PEM form, or cannot be read",
                    cause: error)
            }
            let client = HTTPClient(
                eventLoopGroupProvider: .singleton, configuration: HTTPClient.Configuration(tlsConfiguration: tls))
            clients.withLock { $0.append(client) }
            return client
        }
    #endif
}
