import AgentEvents

/// What the service sends over a WebSocket, read by the letter.
enum SentFrames {
    static func problem(of bytes: [UInt8]) -> String? {
        var rest = bytes[...]
        var hasClosed = false
        while !rest.isEmpty {
            guard !hasClosed else { return "after the close frame \(rest.count) bytes were sent" }
            guard let (first, payload) = take(&rest) else { return "a frame is not whole: \(Array(rest.prefix(16)))" }
            switch first {
            case 0x81:
                guard let message = try? JSONValue(parsing: payload), message.objectValue != nil else {
                    return "a message is no object: \(String(decoding: payload.prefix(200), as: UTF8.self))"
                }
            case 0x88:
                guard payload.isEmpty || payload.count >= 2, payload.count <= 125 else {
                    return "a close frame is malformed"
                }
                guard String(validating: payload.dropFirst(2), as: UTF8.self) != nil else {
                    return "the reason of a close is not UTF-8"
                }
                hasClosed = true
            case 0x89, 0x8A:
                guard payload.count <= 125 else { return "a control frame has \(payload.count) bytes" }
            default: return "a frame begins with \(first)"
            }
        }
        return nil
    }

    private static func take(_ rest: inout ArraySlice<UInt8>) -> (first: UInt8, payload: ArraySlice<UInt8>)? {
        let bytes = Array(rest.prefix(10))
        guard bytes.count >= 2 else { return nil }
        let width = [126: 2, 127: 8][Int(bytes[1])] ?? 0
        guard bytes.count >= 2 + width else { return nil }
        let size = width == 0 ? Int(bytes[1]) : bytes[2..<(2 + width)].reduce(0) { $0 << 8 | Int($1) }
        guard rest.count >= 2 + width + size else { return nil }
        let start = rest.startIndex + 2 + width
        defer { rest = rest[(start + size)...] }
        return (bytes[0], rest[start..<(start + size)])
    }
}

/// What the service sends over HTTP: answers, not more of them than there were requests and one for what is no request, and
/// in none of them what a request had in its fields.
enum SentAnswers {
    static func problem(of bytes: [UInt8], requestCount: Int) -> String? {
        guard !bytes.isEmpty else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.hasPrefix("HTTP/1.") else { return "an answer begins with \(text.prefix(40).debugDescription)" }
        if text.contains(FuzzBeginnings.canary) { return "an answer has what stood in a field of the request" }
        let count = text.split(separator: "HTTP/1.1 ").count
        guard count <= requestCount + 1 else { return "\(requestCount) requests have \(count) answers" }
        for line in text.split(separator: "\r\n") where line.contains("\r") || line.contains("\n") {
            return "a line of an answer has another line end: \(line.debugDescription)"
        }
        return nil
    }
}
