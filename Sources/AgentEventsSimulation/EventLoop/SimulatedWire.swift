import AgentEventsProtocol
import NIOCore
import Synchronization

/// What is on its way between a client and its channel: the kernel and the network, with room for a number of bytes to the
/// client, and of messages to the service. Each side learns of the other's end when it comes to it.
final class SimulatedWire: Sendable {
    /// What a client sends.
    enum Item {
        case message([UInt8])
        /// A sign of life that is not a message.
        case sign
        /// The client has ended the connection.
        case end
    }

    private struct State {
        var toClient = SimulatedQueue<ByteBuffer>()
        var toClientByteCount = 0
        var toServer = SimulatedQueue<Item>()
        /// The server's side is gone: after what is on its way nothing comes.
        var isEnded = false
        /// The code that the server's side gave.
        var code: StreamCloseCode?
        /// The client's side is gone, and takes nothing; the server may not know.
        var isLeft = false
        /// Nothing passes, and neither side learns of it.
        var isDead = false
        var senders: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var lastSender: UInt64 = 0

        mutating func takeSenders() -> [CheckedContinuation<Void, Never>] {
            guard !senders.isEmpty else { return [] }
            defer { senders = [:] }
            return senders.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// This number of messages waits for the service; a client that waits for room sends no more.
    private static let roomCount = 8

    private let state = Mutex(State())
    private let capacity: Int

    /// - Parameter capacity: how many bytes to the client are taken before it takes any.
    init(capacity: Int) { self.capacity = capacity }

    // MARK: The server's side

    /// - Returns: whether there was room; nothing is taken then otherwise.
    func offer(_ bytes: ByteBuffer) -> Bool {
        state.withLock { state in
            // A process that has ended writes nothing.
            guard !state.isEnded else { return true }
            guard state.toClientByteCount < capacity else { return false }
            state.toClientByteCount += bytes.readableBytes
            // Nobody is there to take it: it fills the kernel.
            if !state.isLeft, !state.isDead { state.toClient.append(bytes) }
            return true
        }
    }

    func takeRequest() -> Item? {
        let (item, senders) = state.withLock { state in (state.toServer.popFirst(), state.takeSenders()) }
        for sender in senders { sender.resume() }
        return item
    }

    var hasRequest: Bool { state.withLock { !$0.toServer.isEmpty } }

    /// The server's side is gone.
    ///
    /// - Parameters:
    ///   - count: this number of the writes that are on their way still arrive; `nil` for all.
    ///   - code: the code that the client is told.
    func end(keeping count: Int? = nil, code: StreamCloseCode? = nil) {
        let senders = state.withLock { state in
            guard !state.isEnded else { return [CheckedContinuation<Void, Never>]() }
            state.isEnded = true
            state.code = code
            state.toServer = SimulatedQueue()
            if let count { state.toClient.keepFirst(count) }
            return state.takeSenders()
        }
        for sender in senders { sender.resume() }
    }

    // MARK: The client's side

    func send(_ item: Item) {
        state.withLock { state in
            if !state.isEnded, !state.isLeft, !state.isDead { state.toServer.append(item) }
        }
    }

    /// Sends a message once the service has taken enough of those before.
    ///
    /// - Returns: `false` when the connection has ended, or the task is cancelled.
    func sendWhenRoom(_ message: [UInt8]) async -> Bool {
        while !Task.isCancelled {
            let number = state.withLock { state in
                state.lastSender += 1
                return state.lastSender
            }
            var isSent: Bool?
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isAnswered = state.withLock { state in
                        if state.isEnded || state.isLeft {
                            isSent = false
                        } else if state.isDead {
                            isSent = true
                        } else if state.toServer.count < Self.roomCount {
                            state.toServer.append(.message(message))
                            isSent = true
                        } else if !Task.isCancelled {
                            state.senders[number] = continuation
                            return false
                        }
                        return true
                    }
                    if isAnswered { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.senders.removeValue(forKey: number) }?.resume()
            }
            if let isSent { return isSent }
        }
        return false
    }

    func take() -> ByteBuffer? {
        state.withLock { state in
            guard !state.isDead, let bytes = state.toClient.popFirst() else { return nil }
            state.toClientByteCount -= bytes.readableBytes
            return bytes
        }
    }

    /// Whether something comes, were it the end.
    var hasNews: Bool { state.withLock { !$0.isDead && (!$0.toClient.isEmpty || $0.isEnded) } }
    var hasBytes: Bool { state.withLock { !$0.toClient.isEmpty } }
    var isEnded: Bool { state.withLock { $0.isEnded } }
    var code: StreamCloseCode? { state.withLock { $0.code } }

    /// The client's side is gone; what it sent may have gone with it.
    ///
    /// - Parameters:
    ///   - count: this number of the messages on their way still arrive.
    ///   - saysSo: whether the service is told, after these.
    func leave(keeping count: Int, saysSo: Bool = false) {
        let senders = state.withLock { state in
            guard !state.isLeft else { return [CheckedContinuation<Void, Never>]() }
            state.isLeft = true
            state.toClient = SimulatedQueue()
            state.toServer.keepFirst(count)
            if saysSo, !state.isEnded, !state.isDead { state.toServer.append(.end) }
            return state.takeSenders()
        }
        for sender in senders { sender.resume() }
    }

    /// From now on nothing passes, and neither side learns of it.
    func die() {
        let senders = state.withLock { state in
            state.isDead = true
            state.toClient = SimulatedQueue()
            state.toServer = SimulatedQueue()
            return state.takeSenders()
        }
        for sender in senders { sender.resume() }
    }
}

/// First in, first out.
struct SimulatedQueue<Element> {
    private var elements: [Element] = []
    /// Those before it are taken.
    private var position = 0

    var isEmpty: Bool { position == elements.count }
    var count: Int { elements.count - position }
    var first: Element? { isEmpty ? nil : elements[position] }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard position < elements.count else { return nil }
        let element = elements[position]
        position += 1
        if position == elements.count {
            elements.removeAll(keepingCapacity: true)
            position = 0
        } else if position >= 32, position * 2 >= elements.count {
            elements.removeFirst(position)
            position = 0
        }
        return element
    }

    mutating func keepFirst(_ count: Int) {
        elements.removeFirst(position)
        position = 0
        elements.removeLast(max(0, elements.count - count))
    }
}
