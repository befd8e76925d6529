package import AgentEvents
import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// A request to a service that runs, for a backup of its log.
package struct BackupRequest: Sendable {
    /// The service refused it, or cannot be reached.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        /// `nil` when there was no answer.
        package var status: Int?
        package var description: String
    }

    private static let maximumAnswerByteCount = 64 * 1024

    private let url: String
    private let token: String?
    private let name: String?

    /// - Parameters:
    ///   - url: the address of the listener for operators: `http://127.0.0.1:8081`.
    ///   - token: with the scope `admin`; `nil` where none is needed.
    ///   - name: the name of the backup; `nil` for one made of the time.
    package init(url: String, token: String?, name: String?) {
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.token = token
        self.name = name
    }

    /// Returns when the backup is made, however long that takes.
    ///
    /// - Returns: the answer of the service.
    package func send() async throws(Failure) -> JSONValue {
        do {
            var request = HTTPClientRequest(url: "\(url)/v1/admin/backups")
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
            let body: JSONObject = name.map { ["name": .string($0)] } ?? [:]
            request.body = .bytes(ByteBuffer(bytes: JSONValue.object(body).encoded()))
            let response = try await HTTPClient.shared.execute(request, timeout: .hours(24))
            let bytes = try await response.body.collect(upTo: Self.maximumAnswerByteCount)
            let answer = try? JSONValue(parsing: Array(bytes.readableBytesView))
            guard response.status == .created, let answer else {
                let error = answer?["error"]
                let code = error?["code"]?.stringValue ?? "\(response.status.code)"
                let message = error?["message"]?.stringValue ?? "no backup"
                throw Failure(status: Int(response.status.code), description: "\(code): \(message)")
            }
            return answer
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(description: "no listener for operators answers at \(url): \(error)")
        }
    }
}
