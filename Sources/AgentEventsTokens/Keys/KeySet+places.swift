import AgentEvents
import AsyncHTTPClient

extension KeySet {
    /// The set in a file.
    ///
    /// - Throws: ``TokenKeyError``.
    package init(file path: String, issuer: String?) async throws {
        try await self.init(try KeyFile.keySet(at: path), issuer: issuer)
    }

    /// The set at an address, which is asked once.
    ///
    /// - Throws: ``TokenKeyError``, or what the network has to say.
    package init(fetchedFrom url: String, issuer: String?) async throws {
        try KeySetFetch.check(url)
        let client = KeySetFetch.makeClient()
        let result: Result<[UInt8], any Error>
        do {
            result = .success(try await KeySetFetch(url: url, client: client, environment: .system).bytes())
        } catch {
            result = .failure(error)
        }
        try await client.shutdown()
        try await self.init(try result.get(), issuer: issuer)
    }
}
