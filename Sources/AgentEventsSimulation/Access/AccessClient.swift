import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import NIOCore

/// A tab of a user in an ``AccessWorld``, and the server's side of its connection: everything is judged in the moment in which it is
/// written. Used by the thread of the world only.
final class AccessClient {
    let number: Int
    let user: UserID
    private(set) var session: StreamSession?
    private(set) var transport: JudgedTransport?
    /// The last event that it has of each thread.
    private(set) var last: [ThreadID: Cursor] = [:]
    private(set) var seenHeads: [ThreadID: UInt64] = [:]
    private let model: AccessModel
    private let record: (String, String?) -> Void
    private let wallClock: WallClock
    private var token: AccessModel.Token?
    /// The end of the token on this connection.
    private var end: Timestamp?
    private var offered: [Int64: AccessModel.Token] = [:]
    private var lastRequest: Int64 = 0
    /// The threads that it follows, with the next event of each, if that is known.
    private var next: [ThreadID: UInt64?] = [:]

    /// - Parameter record: told of each thing that happened, and of what is wrong with it.
    init(
        _ number: Int,
        of user: UserID,
        model: AccessModel,
        wallClock: WallClock,
        record: @escaping (_ occurrence: String, _ violation: String?) -> Void
    ) {
        self.number = number
        self.user = user
        self.model = model
        self.wallClock = wallClock
        self.record = record
    }

    var isConnected: Bool { session != nil }
    var tokenName: String? { token?.name }
    var followed: [ThreadID] { next.keys.sorted { $0.rawValue < $1.rawValue } }

    // MARK: What it does

    /// - Parameter loop: where the hub's side lives.
    func connect(to hub: AgentEventsHub, with token: AccessModel.Token, on loop: SimulatedEventLoop) {
        self.token = token
        // One that is as good as expired has five seconds.
        let soonest = Timestamp(milliseconds: wallClock.now().milliseconds + 5000)
        end = token.end.map { max($0, soonest) }
        next = [:]
        offered = [:]
        loop.run {
            let transport = JudgedTransport(self)
            self.transport = transport
            // It may be closed before this returns.
            let session = hub.adopt(transport, as: token.principal, on: loop)
            if self.transport != nil { self.session = session }
        }
    }

    func send(_ operation: ClientMessage.Operation, on loop: SimulatedEventLoop) {
        guard session != nil else { return }
        lastRequest += 1
        if case .subscribe(let request) = operation { next[request.thread] = .some(nil) }
        let message = ClientMessage(tag: RequestTag(number: lastRequest), operation)
        guard let bytes = try? message.encoded() else { return record("wrong", "a message cannot be written") }
        loop.run {
            session?.receive(ByteBuffer(bytes: bytes))
            session?.readComplete()
        }
    }

    func refresh(with token: AccessModel.Token, on loop: SimulatedEventLoop) {
        offered[lastRequest + 1] = token
        send(.refresh(token: token.name), on: loop)
    }

    func toggleWritability(on loop: SimulatedEventLoop) {
        guard let transport else { return }
        transport.isWritable.toggle()
        loop.run { session?.writabilityChanged() }
    }

    func leave(on loop: SimulatedEventLoop) {
        guard session != nil else { return }
        loop.run { session?.closed() }
        forget()
    }

    private func forget() {
        session = nil
        transport = nil
    }

    // MARK: What is written to it

    fileprivate func closed(_ code: StreamCloseCode, reason: String) {
        record("closed \(code.rawValue) \(reason)", nil)
        forget()
    }

    fileprivate func written(_ bytes: [UInt8]) {
        do throws(WireError) {
            receive(try ServerMessage(bytes))
        } catch {
            record("wrong", "client \(number): \(error)")
        }
    }

    private func receive(_ message: ServerMessage) {
        switch message {
        case .event(let event):
            judge("event", event.threadID, event.firstSequence)
            check(event)
        case .subscribed(_, let thread, let after, let head):
            if head != nil { judge("subscribed", thread) }
            // Without a head it is a thread without events, whatever the client asked for.
            next[thread] = .some(after.map { $0.sequence + 1 })
        case .snapshot(let thread, let cursor, _), .snapshotPart(let thread, let cursor, _, _, _):
            if cursor != nil { judge("snapshot", thread) }
            next[thread] = .some(cursor.map { $0.sequence + 1 })
        case .reset(let thread, _, _):
            next[thread] = .some(nil)
        case .live(let thread, let cursor):
            if cursor != nil { judge("live", thread) }
        case .unsubscribed(_, let thread, let code):
            if code != nil { record("unsubscribed by the service", nil) }
            next[thread] = nil
        case .refreshed(let tag, let expiresAt):
            guard let token = tag?.number.flatMap({ offered.removeValue(forKey: $0) }) else {
                return record("wrong", "client \(number): refreshed without a request")
            }
            record("refreshed", nil)
            self.token = token
            end = expiresAt
        case .error(let error):
            record("refused \(error.code)", nil)
        case .emitted:
            record("emitted", nil)
        case .expiring:
            record("expiring", nil)
        case .welcome, .accepted, .ping, .drain, .pong, .membersChanged, .watching, .threads, .unwatched,
            .serving, .run, .renewed, .cancel, .other:
            break
        }
    }

    /// Whether the client has the right, in this moment.
    private func judge(_ what: String, _ thread: ThreadID, _ sequence: UInt64? = nil) {
        guard let token else { return record("wrong", "client \(number) has no token") }
        let isRight = model.mayRead(thread, sequence, by: token, until: end)
        let place = sequence.map { " \($0)" } ?? ""
        record(
            what,
            isRight ? nil : "client \(number) of \(token.user) with \(token.name) gets \(what)\(place) of \(thread)")
    }

    /// From its place on, a subscription has every event once.
    private func check(_ event: StreamEvent) {
        let thread = event.threadID
        guard let expected = next[thread] else {
            return record("wrong", "client \(number) gets \(event.cursor) of \(thread), which it does not follow")
        }
        if let expected, event.firstSequence != expected {
            record("wrong", "client \(number) gets \(event.firstSequence) of \(thread), and \(expected) is due")
        }
        next[thread] = .some(event.cursor.sequence + 1)
        last[thread] = event.cursor
        seenHeads[thread] = max(seenHeads[thread] ?? 0, event.cursor.sequence)
    }
}

/// The server's side of a connection that takes everything at once, and gives it to its client to be judged.
final class JudgedTransport: StreamTransport {
    let framing = StreamFraming.lengthPrefixed
    var isWritable = true
    let pendingByteCount = 0
    private let client: AccessClient

    init(_ client: AccessClient) { self.client = client }

    func write(_ messages: ByteBuffer) {
        // After its end a connection is nobody's.
        guard client.transport === self else { return }
        var messages = messages
        while let length = messages.readInteger(as: UInt32.self), let bytes = messages.readBytes(length: Int(length)) {
            client.written(bytes)
        }
    }

    func flush() {}
    func setReading(_ isEnabled: Bool) {}

    func close(_ code: StreamCloseCode, reason: String) {
        if client.transport === self { client.closed(code, reason: reason) }
    }
}
