import AgentEvents
import NIOCore
import NIOPosix
import Testing

/// A small HTTP/1.1 client of its own: one request for each connection, any bytes that a test wants.
struct RawHTTPClient: Sendable {
    let port: Int

    struct Answer: Sendable {
        var status: Int
        /// By their names in lower case.
        var headers: [String: String]
        var body: String

        /// The body, read as JSON.
        var json: JSONValue {
            get throws { try JSONValue(parsing: Array(body.utf8)) }
        }

        /// The code of an error; `nil` for a page, which is no JSON.
        var errorCode: String? {
            get throws {
                guard headers["content-type"] != "text/html; charset=utf-8" else { return nil }
                return try json["error"]?["code"]?.stringValue
            }
        }
    }

    func get(_ path: String, headers: [String: String] = [:]) async throws -> Answer {
        try await send("GET", path, headers: headers, body: nil)
    }

    func post(_ path: String, _ body: String, headers: [String: String] = [:]) async throws -> Answer {
        try await send("POST", path, headers: headers, body: body)
    }

    func send(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: String? = nil
    ) async throws -> Answer {
        var head = ["Host": "127.0.0.1:\(port)", "Connection": "close"]
        if let body { head["Content-Length"] = "\(body.utf8.count)" }
        head.merge(headers) { $1 }
        let lines = ["\(method) \(path) HTTP/1.1"] + head.map { "\($0.key): \($0.value)" }
        return try await exchange(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
    }

    /// Sends a text and reads until the answer is whole, or the server closes.
    func exchange(_ request: String) async throws -> Answer {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.minutes(5))
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let answer = try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            var answer = ByteBuffer()
            for try await part in inbound {
                answer.writeImmutableBuffer(part)
                if let whole = try Self.parse(answer, isHead: request.hasPrefix("HEAD")) { return whole }
            }
            Issue.record("the connection closed after \(String(buffer: answer).debugDescription)")
            throw CancellationError()
        }
        return answer
    }

    /// - Returns: `nil` when the answer is not whole yet.
    private static func parse(_ buffer: ByteBuffer, isHead: Bool) throws -> Answer? {
        let bytes = Array(buffer.readableBytesView)
        let separator = Array("\r\n\r\n".utf8)
        guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: separator) }) else { return nil }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).components(separatedBy: "\r\n")
        let status = try #require(Int(lines[0].split(separator: " ")[1]))
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
        }
        if status == 101 || status == 204 || status == 304 { return Answer(status: status, headers: headers, body: "") }
        let body = bytes[(end + separator.count)...]
        let length = try #require(headers["content-length"].flatMap { Int($0) }, "no length in \(headers)")
        guard isHead || body.count >= length else { return nil }
        return Answer(status: status, headers: headers, body: String(decoding: body, as: UTF8.self))
    }
}

extension String {
    /// As Foundation has it.
    func components(separatedBy separator: String) -> [String] {
        var rest = self[...]
        var parts: [String] = []
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
