import NIOCore
import Synchronization

/// What is on its way between a client and its channel: the kernel and the network, with room for so many bytes to the
/// client. Each side learns of the other's end when it comes to it.
final class SimulatedWire: Sendable {
    private struct State {
        var toClient = SimulatedQueue<ByteBuffer>()
        var toClientByteCount = 0
        var toServer = SimulatedQueue<[UInt8]>()
        /// The server's side is gone: after what is on its way nothing comes.
        var isEnded = false
        /// The client's side is gone, and takes nothing; the server may not know.
        var isLeft = false
    }

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
            if !state.isLeft { state.toClient.append(bytes) }
            return true
        }
    }

    func takeRequest() -> [UInt8]? { state.withLock { $0.toServer.popFirst() } }

    var hasRequest: Bool { state.withLock { !$0.toServer.isEmpty } }

    /// The server's side is gone.
    ///
    /// - Parameter count: so many writes that are on their way still arrive; `nil` for all.
    func end(keeping count: Int? = nil) {
        state.withLock { state in
            guard !state.isEnded else { return }
            state.isEnded = true
            state.toServer = SimulatedQueue()
            if let count { state.toClient.keepFirst(count) }
        }
    }

    // MARK: The client's side

    func send(_ message: [UInt8]) {
        state.withLock { state in
            if !state.isEnded, !state.isLeft { state.toServer.append(message) }
        }
    }

    func take() -> ByteBuffer? {
        state.withLock { state in
            guard let bytes = state.toClient.popFirst() else { return nil }
            state.toClientByteCount -= bytes.readableBytes
            return bytes
        }
    }

    /// Whether something comes, were it the end.
    var hasNews: Bool { state.withLock { !$0.toClient.isEmpty || $0.isEnded } }
    var hasBytes: Bool { state.withLock { !$0.toClient.isEmpty } }
    var isEnded: Bool { state.withLock { $0.isEnded } }

    /// The client's side is gone; what it sent may have gone with it.
    ///
    /// - Parameter count: so many of the messages on their way still arrive.
    func leave(keeping count: Int) {
        state.withLock { state in
            state.isLeft = true
            state.toClient = SimulatedQueue()
            state.toServer.keepFirst(count)
        }
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
