import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import Synchronization

/// Plays ``ModelService`` over sockets.
final class HistoryService: Sendable {
    private struct State {
        var model: ModelService
        var session = 0
        var requests: [ClientMessage] = []
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
    var requests: [ClientMessage] { state.withLock { $0.requests } }

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
            let request = try ClientMessage.decode(message.encoded(), maximumBatchEvents: 1)
            guard request.tag != nil else { continue }
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
            let messages: [ServerMessage] = state.withLock { state in
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
                try await sender.send(String(decoding: bytes(message), as: UTF8.self))
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

    private func bytes(_ message: ServerMessage) -> [UInt8] {
        switch message {
        case .welcome:
            return ServerMessage.welcome(Welcome(connection: "c_1", heartbeatMilliseconds: 60_000)).encoded()
        case .event(let event):
            let text =
                #"{"type":"custom","id":"\#(event.cursor)","seq":\#(event.cursor.sequence),"#
                + #""thread_id":"\#(event.threadID)","time":"2026-11-21T02:10:00.123Z","#
                + #""data":{"name":"n","value":"\#(padding)"}}"#
            return Array(text.utf8)
        case .subscribed, .unsubscribed, .live, .reset, .snapshot, .snapshotPart, .emitted, .accepted, .refreshed,
            .expiring, .ping, .drain, .pong, .error, .membersChanged, .watching, .threads, .unwatched, .serving, .run,
            .renewed, .cancel, .other:
            return message.encoded()
        }
    }
}
