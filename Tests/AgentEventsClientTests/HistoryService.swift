import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import Synchronization

/// Plays ``ModelService`` over sockets.
final class HistoryService: Sendable {
    private struct State {
        var model: ModelService
        var session = 0
        var requests: [StreamRequest] = []
    }

    private let state: Mutex<State>
    private let threads: [ThreadID]
    private let padding: String

    /// - Parameter counts: how many events each thread has.
    init(_ counts: [ThreadID: Int], paddingByteCount: Int = 0) {
        threads = counts.keys.sorted { $0.rawValue < $1.rawValue }
        padding = String(repeating: "x", count: paddingByteCount)
        var model = ModelService(threads: threads)
        for (thread, count) in counts {
            for _ in 0..<count { model.append(to: thread) }
        }
        state = Mutex(State(model: model))
    }

    /// What the clients have asked for, and got an answer to.
    var requests: [StreamRequest] { state.withLock { $0.requests } }

    /// What the clients did wrong.
    var faults: [String] { state.withLock { $0.model.faults } }

    /// Plays one connection, which is cut after so many messages.
    func play(_ connection: ScriptedService.Connection, cutAfter limit: Int? = nil) async throws {
        let session = state.withLock { state in
            state.session += 1
            state.model.connect()
            return state.session
        }
        let signal = WakeSignal()
        let sender = connection.sender
        async let sending: Void = send(sender, session, signal, limit)
        // A cut says goodbye to nobody, and the client leaves then.
        while let message = try await connection.receiveMessage() {
            guard let request = Self.request(message) else { continue }
            state.withLock { if $0.session == session { $0.model.requests.append(request) } }
            signal.signal()
        }
        signal.finish()
        try await sending
    }

    private func send(
        _ sender: ScriptedService.Sender, _ session: Int, _ signal: WakeSignal, _ limit: Int?
    ) async throws {
        var count = 0
        while true {
            let messages: [StreamMessage] = state.withLock { state in
                guard state.session == session else { return [] }
                while let request = state.model.requests.first {
                    state.model.serve()
                    state.requests.append(request)
                }
                if state.model.wire.isEmpty {
                    for thread in threads { state.model.send(thread, merging: 1) }
                }
                defer { state.model.wire = [] }
                return state.model.wire
            }
            for message in messages {
                if count == limit { break }
                try await sender.send(text(message))
                count += 1
            }
            if count == limit {
                try await sender.cut()
                return
            }
            if messages.isEmpty, await !signal.wait() { return }
        }
    }

    // MARK: The wire

    private static func request(_ message: JSONValue) -> StreamRequest? {
        guard let request = message["req"]?.integerValue,
            let thread = message["thread_id"]?.stringValue.flatMap({ try? ThreadID($0) })
        else { return nil }
        switch message["op"]?.stringValue {
        case "subscribe":
            let start: StartPosition? =
                switch message["after"]?.stringValue {
                case nil: nil
                case "start": .start
                case "now": .now
                case let text?: Cursor(text).map { .after($0) }
                }
            let consumer = message["consumer"]?.stringValue.flatMap { try? ConsumerName($0) }
            return .subscribe(request: request, thread, from: start, consumer: consumer)
        case "unsubscribe":
            return .unsubscribe(request: request, thread)
        case "ack":
            guard let cursor = message["cursor"]?.stringValue.flatMap({ Cursor($0) }) else { return nil }
            return .acknowledge(request: request, thread, cursor)
        default:
            return nil
        }
    }

    private func text(_ message: StreamMessage) -> String {
        switch message {
        case .welcome: #"{"op":"welcome","connection_id":"c_1","heartbeat_ms":60000,"limits":{}}"#
        case .subscribed(let thread, let after):
            #"{"op":"subscribed","thread_id":"\#(thread)","after":\#(Self.text(after)),"head":null}"#
        case .unsubscribed(let thread): #"{"op":"unsubscribed","thread_id":"\#(thread)"}"#
        case .live(let thread, let cursor):
            #"{"op":"live","thread_id":"\#(thread)","cursor":\#(Self.text(cursor))}"#
        case .reset(let thread, let reason, let oldest):
            #"{"op":"reset","thread_id":"\#(thread)","reason":"\#(reason)","oldest":\#(Self.text(oldest))}"#
        case .event(let event):
            #"{"type":"custom","id":"\#(event.cursor)","seq":\#(event.cursor.sequence),"#
                + #""thread_id":"\#(event.thread)","time":"2026-11-21T02:10:00.123Z","#
                + #""data":{"name":"n","value":"\#(padding)"}}"#
        case .refused(let request, let refusal):
            #"{"op":"error","req":\#(request?.integerValue ?? 0),"code":"\#(refusal.code)","message":"no"}"#
        case .emitted, .ping, .drain, .other: #"{"op":"ping"}"#
        }
    }

    private static func text(_ cursor: Cursor?) -> String { cursor.map { "\"\($0)\"" } ?? "null" }
}
