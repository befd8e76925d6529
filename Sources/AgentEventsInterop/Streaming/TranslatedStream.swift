import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOPosix

/// The answer to a request with a stream of another protocol: carries out what its ``StreamTranslation`` says.
struct TranslatedStream: Sendable {
    /// The answer breaks off; its connection is closed without an end of the body.
    struct BrokenOff: Error {}

    let hub: AgentEventsHub
    let principal: Principal
    let thread: ThreadID
    /// Beside those of every answer.
    var headers: HTTPFields = [:]
    /// What stands after the last frame.
    var ending: StaticString = ""

    private static let pieceByteCount = 64 * 1024
    private static let keepAlive = ByteBuffer(string: ": keep-alive\n\n")

    private var now: Int64 { hub.runtime.environment.monotonicMilliseconds }

    /// - Parameters:
    ///   - translation: has noted what comes before the cursor.
    ///   - cursor: the place after which events are told; `nil` for the beginning of the thread.
    func response(_ translation: some StreamTranslation, after cursor: Cursor?) -> Response {
        if translation.hasEnded { return whole(translation) }
        let request = SubscribeRequest(
            thread: thread, start: cursor.map { .after($0) } ?? .start, merges: true)
        // The body is written later, by another task of the connection.
        let ticket = ConnectionTicket.current
        let body = ResponseBody { [self] writer in
            let followed = try await FollowedThread.follow(
                request, of: hub, as: principal, on: MultiThreadedEventLoopGroup.singleton.any()
            ) {
                // The task is in the middle of a write, which ends with its connection.
                ticket?.closeConnection()
            }
            defer { followed.leave() }
            try await pump(followed, translation, &writer)
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: fields, body: body)
    }

    /// The answer when there is nothing to follow.
    func whole(_ translation: some StreamTranslation) -> Response {
        var translation = translation
        var buffer = ByteBuffer()
        for frame in translation.begin() { frame.write(to: &buffer) }
        buffer.writeStaticString(ending)
        return Response(status: .ok, headers: fields, body: ResponseBody(byteBuffer: buffer))
    }

    /// An answer of frames that tell of no thread.
    func whole(_ frames: [StreamFrame]) -> Response {
        var buffer = ByteBuffer()
        for frame in frames { frame.write(to: &buffer) }
        buffer.writeStaticString(ending)
        return Response(status: .ok, headers: fields, body: ResponseBody(byteBuffer: buffer))
    }

    private var fields: HTTPFields {
        var fields: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-cache"]
        if let buffering = HTTPField.Name("X-Accel-Buffering") { fields[buffering] = "no" }
        for field in headers { fields[field.name] = field.value }
        return fields
    }

    // MARK: Writing

    @concurrent private func pump(
        _ followed: FollowedThread,
        _ translation: some StreamTranslation,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        var translation = translation
        var keepAlive = KeepAliveStateMachine(at: now)
        try await write(translation.begin(), to: &writer)
        while !translation.hasEnded {
            let message: [UInt8]?
            do throws(InProcessClosure) {
                message = try await followed.next()
            } catch {
                // Nobody reads what would be said.
                if error.code == .heartbeatMissed { throw BrokenOff() }
                return try await breakOff(Self.cause(of: error, in: thread), &translation, &writer)
            }
            guard let message else { throw CancellationError() }
            guard !message.isEmpty else {
                try await writer.write(Self.keepAlive)
                keepAlive.wrote(at: now)
                continue
            }
            switch try ServerMessage(message) {
            case .event(let event):
                let frames = translation.receive(try event.decoded())
                if !frames.isEmpty {
                    try await write(frames, to: &writer)
                    keepAlive.wrote(at: now)
                } else if keepAlive.isDue(at: now) {
                    // The hub does not ping a stream that is sent events.
                    try await writer.write(Self.keepAlive)
                    keepAlive.wrote(at: now)
                }
            case .error(let error):
                return try await breakOff(.refused(error), &translation, &writer)
            case .reset(_, let reason, oldest: _):
                let error = ProtocolError(
                    .cursorTrimmed,
                    "events between those that were told and the next ones are not kept: \(reason.rawValue)",
                    isRetryable: true, threadID: thread)
                return try await breakOff(.refused(error), &translation, &writer)
            case .drain:
                return try await breakOff(.restart, &translation, &writer)
            case .unsubscribed(_, _, code: let code):
                let error = ProtocolError(
                    code ?? .threadForbidden, "the thread cannot be followed any longer", threadID: thread)
                return try await breakOff(.refused(error), &translation, &writer)
            case .welcome, .subscribed, .live, .snapshot, .snapshotPart, .emitted, .accepted, .refreshed, .expiring,
                .watching, .threads, .unwatched, .serving, .run, .renewed, .cancel, .ping, .pong, .membersChanged,
                .other:
                break
            }
        }
        if !"\(ending)".isEmpty { try await writer.write(ByteBuffer(string: "\(ending)")) }
    }

    @concurrent private func breakOff(
        _ cause: StreamBreak,
        _ translation: inout some StreamTranslation,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        switch translation.breakOff(cause) {
        case .brokenOff: throw BrokenOff()
        case .told(let frames):
            try await write(frames, to: &writer)
            if !"\(ending)".isEmpty { try await writer.write(ByteBuffer(string: "\(ending)")) }
        }
    }

    private static func cause(of closure: InProcessClosure, in thread: ThreadID) -> StreamBreak {
        switch closure.code {
        case .forbidden?, .notAuthenticated?, .limits?:
            let code = ProtocolError.Code(rawValue: String(closure.reason.prefix { $0 != ":" }))
            return .refused(ProtocolError(code, closure.reason, threadID: thread))
        default:
            return .restart
        }
    }

    /// Frames of one event can be large together: they go out in pieces, each when the client's side has taken the one before.
    @concurrent private func write(_ frames: [StreamFrame], to writer: inout any ResponseBodyWriter) async throws {
        var buffer = ByteBuffer()
        for frame in frames {
            frame.write(to: &buffer)
            guard buffer.readableBytes >= Self.pieceByteCount else { continue }
            try await writer.write(buffer)
            buffer = ByteBuffer()
        }
        if buffer.readableBytes > 0 { try await writer.write(buffer) }
    }
}
