public import AgentEvents
import AgentEventsHub
public import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// A model of OpenAI, or of any server that speaks its protocol.
///
/// ```swift
/// let model = try OpenAICompatibleModel(url: "http://127.0.0.1:11434/v1", model: "qwen3:32b")
/// ```
///
/// It asks once for each ``reply(to:_:)`` and tries nothing again: the agent does. While a part of the answer is not taken, no more of it
/// is read, and the provider waits. Redirects are not followed. The key stands in no error, no description and no log.
///
/// <doc:ModelsOfProviders> says which servers it is for, and what becomes of their answers.
public struct OpenAICompatibleModel: ThoughtReadingModel {
    public let name: String
    /// The address to which requests go.
    public let url: String
    public let dialect: OpenAIDialect
    public let configuration: OpenAIConfiguration
    /// Whether the thoughts of earlier turns are sent: in the dialect of chat completions, where
    /// ``OpenAIConfiguration/thoughtsName`` names the member for them.
    public var wantsThoughts: Bool { dialect == .chatCompletions && configuration.thoughtsName != nil }
    private let secrets: ProviderSecrets
    private let client: HTTPClient
    private let clock: WallClock

    /// - Parameters:
    ///   - url: the address before `/chat/completions`: `https://api.openai.com/v1`.
    ///   - model: the name of the model, as the provider has it.
    ///   - key: sent as `authorization: Bearer …`; white space at its ends is left out. `nil`, or empty, for none.
    ///   - headers: of each request beside; secrets like the key. Default: none.
    ///   - dialect: the form of requests. Default: chat completions.
    ///   - allowsPlaintext: whether `http://` may lead to another machine, where all on the way can read the conversation and the
    ///     key. Default: `false`.
    ///   - client: makes the requests; its owner shuts it down, and its limits of connections and of time count, too. Default:
    ///     one for all models of this process, with up to 1024 connections to a host.
    ///   - clock: for dates in `Retry-After`.
    /// - Throws: ``ModelError``: `model.url_invalid`, `model.url_unsafe`, `model.key_invalid`.
    public init(
        url: String,
        model: String,
        key: String? = nil,
        headers: [String: String] = [:],
        dialect: OpenAIDialect = .chatCompletions,
        allowsPlaintext: Bool = false,
        configuration: OpenAIConfiguration = OpenAIConfiguration(),
        client: HTTPClient? = nil,
        clock: WallClock = .system
    ) throws(ModelError) {
        let address: HTTPBaseAddress
        do throws(HTTPBaseAddress.Problem) {
            address = try HTTPBaseAddress(url, of: "a provider", example: "https://api.example.com/v1")
        } catch {
            throw ModelError(.urlInvalid, error.sentence)
        }
        guard address.isEncrypted || address.isLoopback || allowsPlaintext else {
            throw ModelError(
                .urlUnsafe,
                "http:// would show the conversation and the key on the way to \(address.host): use https://")
        }
        name = model
        self.url = address.url + (dialect == .responses ? "/responses" : "/chat/completions")
        guard (try? HTTPClient.Request(url: self.url)) != nil else {
            throw ModelError(.urlInvalid, "the address of a provider is like https://api.example.com/v1")
        }
        self.dialect = dialect
        self.configuration = configuration
        secrets = try ProviderSecrets(key: key, headers: headers)
        self.client = client ?? ModelHTTPClient.shared
        self.clock = clock
    }

    /// - Throws: ``ModelError``; what `part` throws; `CancellationError`.
    public func reply(to request: ModelRequest, _ part: (ModelPart) async throws -> Void) async throws {
        let names = FunctionNames(request)
        let httpRequest = try HTTPClient.Request(
            url: url, method: .POST, headers: secrets.requestHeaders, body: .bytes(body(of: request, names)))
        try await AnswerExchange.send(httpRequest, with: client) { answer in
            switch dialect {
            case .chatCompletions:
                try await read(answer, ChatCompletionStateMachine(model: name, names: names), part)
            case .responses:
                try await read(answer, ResponsesStateMachine(model: name, names: names), part)
            }
        }
    }

    private func body(of request: ModelRequest, _ names: FunctionNames) -> [UInt8] {
        var body =
            switch dialect {
            case .chatCompletions:
                ChatCompletionBody.object(request, model: name, names: names, configuration: configuration)
            case .responses:
                ResponsesBody.object(request, model: name, names: names)
            }
        for (member, value) in configuration.parameters {
            body[member] = value == .null ? Optional<JSONValue>.none : value
        }
        return JSONValue.object(body).encoded()
    }

    // MARK: Reading

    private func read<Machine: AnswerStateMachine>(
        _ answer: AnswerExchange.Answer, _ machine: Machine, _ part: (ModelPart) async throws -> Void
    ) async throws {
        let firstByte = answer.now + TimeAmount(configuration.firstByteTimeout)
        let head = try await head(of: answer, by: firstByte)
        guard 200..<300 ~= head.status.code else {
            let error = await error(head, answer)
            try Task.checkCancellation()
            throw secrets.removed(from: error)
        }
        var reading = AnswerReading(machine)
        var deadline = firstByte
        while true {
            let (bytes, cause) = try await nextBytes(of: answer, by: deadline)
            guard var rest = bytes?.readableBytesView else {
                _ = try await carryOut(reading.end(cause), part)
                return
            }
            while let action = reading.next(in: &rest) {
                if try await carryOut(action, part) {
                    await drain(answer)
                    return
                }
            }
            deadline = answer.now + TimeAmount(configuration.idleTimeout)
        }
    }

    /// - Returns: whether the answer is whole.
    private func carryOut(
        _ action: AnswerAction, _ part: (ModelPart) async throws -> Void
    ) async throws -> Bool {
        switch action {
        case .give(let parts):
            for given in parts { try await part(given) }
            return false
        case .finish(let parts):
            for given in parts { try await part(given) }
            return true
        case .fail(let parts, let error):
            for given in parts { try await part(given) }
            throw secrets.removed(from: error)
        }
    }

    private func head(of answer: AnswerExchange.Answer, by deadline: NIODeadline) async throws -> HTTPResponseHead {
        do {
            guard case .head(let head)? = try await answer.next(by: deadline) else {
                throw ModelError(.unreachable, "the provider ended its answer before it began")
            }
            return head
        } catch let error as CancellationError {
            throw error
        } catch let error as ModelError {
            throw secrets.removed(from: error)
        } catch {
            throw secrets.removed(from: ModelError(.unreachable, "the provider did not answer: \(error)"))
        }
    }

    /// - Returns: nothing at the end, with the error that ended the body, unless it is whole.
    private func nextBytes(
        of answer: AnswerExchange.Answer, by deadline: NIODeadline
    ) async throws -> (ByteBuffer?, ModelError?) {
        do {
            switch try await answer.next(by: deadline) {
            case .bytes(let bytes)?: return (bytes, nil)
            case .head?, nil: return (nil, nil)
            }
        } catch let error as CancellationError {
            throw error
        } catch let error as ModelError {
            return (nil, error)
        } catch {
            return (nil, ModelError(.cutOff, "the connection broke before the provider's answer was whole: \(error)"))
        }
    }

    /// The error of an answer with a status of one, as far as its body says more.
    private func error(_ head: HTTPResponseHead, _ answer: AnswerExchange.Answer) async -> ModelError {
        var body: [UInt8] = []
        let deadline = answer.now + TimeAmount(min(configuration.idleTimeout, Self.errorBodyTimeout))
        while body.count < Self.maximumErrorByteCount, case .bytes(let bytes)? = try? await answer.next(by: deadline) {
            body += bytes.readableBytesView.prefix(Self.maximumErrorByteCount - body.count)
        }
        return ProviderError(body: body).modelError(
            status: Int(head.status.code), pause: ProviderPause.read(head.headers, now: clock.now()))
    }

    /// After the end of an answer only the end of the body is left mostly, and a connection that has it serves the next request. One that
    /// does not is closed after two seconds.
    private func drain(_ answer: AnswerExchange.Answer) async {
        let deadline = answer.now + Self.drainTimeout
        var byteCount = 0
        while byteCount < Self.maximumErrorByteCount, case .bytes(let bytes)? = try? await answer.next(by: deadline) {
            byteCount += bytes.readableBytes
        }
    }

    private static let maximumErrorByteCount = 64 << 10
    private static let errorBodyTimeout = Duration.seconds(10)
    private static let drainTimeout = TimeAmount.seconds(2)
}

extension OpenAICompatibleModel: CustomStringConvertible, CustomReflectable {
    public var description: String { "\(name) at \(url)" }
    /// Without the HTTP client, in which requests that are under way have the key.
    public var customMirror: Mirror { Mirror(self, children: ["name": name, "url": url]) }
}
