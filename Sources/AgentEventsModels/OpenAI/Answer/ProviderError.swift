import AgentEvents

/// An error in the words of a provider: the body of an answer, or an event within one.
///
/// `{"error":{"message","type","code"}}` is the form of most; others send a text in the place of the object, `{"message","code"}`,
/// `{"detail"}`, or an array with one of these.
struct ProviderError: Hashable, Sendable {
    /// The text for people; empty for none. It may be long, and hold secrets.
    var message = ""
    /// Its codes and types, in lower case.
    private var words: [String] = []
    /// A status within the document.
    private var statedStatus: Int?

    /// - Parameter body: the body of an answer with a status of an error.
    init(body: [UInt8]) {
        guard let document = try? JSONValue(parsing: body) else {
            // A page of a server in between says nothing that its status does not.
            if body.first != UInt8(ascii: "<") { message = String(decoding: body, as: UTF8.self) }
            return
        }
        read(Self.error(in: document) ?? document)
    }

    /// - Returns: `nil` for a document that is not about an error.
    init?(event document: JSONValue) {
        guard let error = Self.error(in: document) else { return nil }
        read(error)
    }

    /// - Parameter error: an object about an error, or its text.
    init(_ error: JSONValue) { read(error) }

    private static func error(in document: JSONValue) -> JSONValue? {
        let document = document.arrayValue?.first ?? document
        switch document["error"] {
        case .null?, nil:
            guard document["object"]?.text == "error" else { return nil }
            return document
        case .bool(false)?: return nil
        case .some(let error): return error
        }
    }

    private mutating func read(_ error: JSONValue) {
        if let text = error.text {
            message = text
            return
        }
        let detail = error["detail"]
        let texts = [error["message"], detail, detail?.arrayValue?.first?["msg"], detail?["message"]]
        message = texts.lazy.compactMap { $0?.filledText }.first ?? ""
        for member in ["code", "type", "status"] {
            guard let value = error[member] else { continue }
            if let text = value.filledText { words.append(text.lowercased()) }
            if let number = value.integerValue ?? value.text.flatMap({ Int64($0) }), 400...599 ~= number {
                statedStatus = Int(number)
            }
        }
    }

    /// The error of an answer with a status.
    ///
    /// - Parameter pause: the time that the answer asks to wait.
    func modelError(status: Int, pause: Duration?) -> ModelError {
        let code = Self.code(ofStatus: status)
        let stated = statedCode
        // One that has no money left will have none in a moment; and what is withheld is told by 400 here and there.
        let isOverruled = code == .rateLimited && stated == .refused || code == .refused && stated == .filtered
        return ModelError(
            isOverruled ? stated ?? code : code,
            "the provider answered with \(status)" + (message.isEmpty ? "" : ": \(message)"), status: status,
            retryAfter: pause)
    }

    /// The error of an answer that had begun.
    var errorWithinAnswer: ModelError {
        ModelError(
            statedCode ?? statedStatus.map(Self.code(ofStatus:)) ?? .unavailable,
            "the provider broke its answer off" + (message.isEmpty ? "" : ": \(message)"), status: statedStatus)
    }

    private static func code(ofStatus status: Int) -> ModelError.Code {
        switch status {
        case 401, 403: .unauthorized
        case 408: .timedOut
        case 409, 429: .rateLimited
        case 500...: .unavailable
        default: .refused
        }
    }

    private var statedCode: ModelError.Code? {
        for (part, code) in Self.codes where words.contains(where: { $0.contains(part) }) { return code }
        return nil
    }

    /// Parts of the codes and types of providers; the first that fits counts.
    private static let codes: [(String, ModelError.Code)] = [
        ("insufficient_quota", .refused), ("billing", .refused), ("content_filter", .filtered),
        ("content_policy", .filtered), ("rate_limit", .rateLimited), ("too_many_requests", .rateLimited),
        ("resource_exhausted", .rateLimited), ("authentication", .unauthorized), ("invalid_api_key", .unauthorized),
        ("permission", .unauthorized), ("context_length", .refused), ("invalid_request", .refused),
        ("invalid_prompt", .refused), ("not_found", .refused), ("timeout", .timedOut),
    ]
}
