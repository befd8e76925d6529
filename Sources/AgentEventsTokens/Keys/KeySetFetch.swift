import AgentEvents
import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Fetches a JWK set from the one address that the configuration names: nothing of a token is in the request, and no answer
/// leads elsewhere.
struct KeySetFetch: Sendable {
    static let timeout: Duration = .seconds(5)

    private let url: String
    private let client: HTTPClient
    private let environment: Environment

    init(url: String, client: HTTPClient, environment: Environment) {
        self.url = url
        self.client = client
        self.environment = environment
    }

    /// Follows no redirects, and waits for no connection longer than for the whole answer.
    static func makeClient() -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(5)
        configuration.decompression = .disabled
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// - Throws: ``TokenKeyError`` for an address that is not one of `https`, or has a user in it.
    static func check(_ url: String) throws(TokenKeyError) {
        guard url.lowercased().hasPrefix("https://") else {
            throw TokenKeyError(
                "keys are fetched over https only, so that nobody on the way can replace them: not \(url)")
        }
        do {
            let request = try HTTPClient.Request(url: url)
            guard !request.host.isEmpty, !request.host.contains("@") else { throw TokenKeyError("\(url) has no host") }
        } catch {
            throw TokenKeyError("\(url) is not an address: \(error)")
        }
    }

    /// - Throws: ``TokenKeyError`` when there is no such answer in time.
    func bytes() async throws -> [UInt8] {
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask { try await fetch() }
            group.addTask {
                try await environment.sleep(Self.timeout)
                throw TokenKeyError("there was no whole answer within 5 seconds")
            }
            defer { group.cancelAll() }
            guard let bytes = try await group.next() else { throw CancellationError() }
            return bytes
        }
    }

    private func fetch() async throws -> [UInt8] {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "Accept", value: "application/jwk-set+json, application/json")
        let response = try await client.execute(request, timeout: .seconds(5))
        guard response.status == .ok else {
            throw TokenKeyError("the answer was \(response.status.code), and not 200; redirects are not followed")
        }
        do {
            let body = try await response.body.collect(upTo: KeySet.maximumByteCount)
            return Array(body.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw TokenKeyError("a set of keys has at most \(KeySet.maximumByteCount) bytes")
        }
    }
}
