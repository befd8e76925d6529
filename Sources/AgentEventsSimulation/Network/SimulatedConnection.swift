import AgentEvents
import AgentEventsProtocol

/// One connection: what is on its way in both directions. NIO's outbound buffer, the kernel and the network are one queue
/// here; how much of it survives the service is up to the schedule.
final class SimulatedConnection {
    let client: Int
    private let highWater: Int

    private var outbound = Deque<WireItem>()
    /// How many bytes the client has not taken.
    private(set) var pendingByteCount = 0
    private(set) var pendingEventByteCount = 0
    private(set) var writtenByteCount: UInt64 = 0
    private(set) var isWritable = true

    private var inbound = Deque<RequestItem>()

    /// The service's side is gone: behind what is on its way there is nothing.
    private(set) var isEnded = false
    /// The client's side is gone, and takes nothing.
    private var isLeft = false
    /// What the kernel still takes then.
    private var kernelByteCount = 4096
    /// What the service closed with, as far as the client has read.
    var closeCode: Int?
    /// What comes next of each thread, by what was sent on this connection; 0 for the oldest event kept.
    var nextSequences: [ThreadID: UInt64] = [:]
    /// Subscriptions, their ends and emissions that were asked for and have no answer yet, of each thread in order.
    private(set) var unanswered: [ThreadID: [Int64]] = [:]

    init(client: Int, highWater: Int) {
        self.client = client
        self.highWater = highWater
    }

    // MARK: To the client

    var hasOutbound: Bool { !outbound.isEmpty }

    private func wrote(_ byteCount: Int) {
        writtenByteCount += UInt64(byteCount)
        if isLeft, byteCount <= kernelByteCount {
            kernelByteCount -= byteCount
            return
        }
        pendingByteCount += byteCount
        if pendingByteCount > highWater { isWritable = false }
    }

    func write(_ batch: FramedBatch, from frame: Int) {
        outbound.append(.events(batch, from: frame))
        let byteCount = batch.byteCount(from: frame)
        if !isLeft { pendingEventByteCount += byteCount }
        wrote(byteCount)
    }

    func write(_ item: WireItem) {
        outbound.append(item)
        switch item {
        case .message(_, let byteCount, _): wrote(byteCount)
        case .pingFrame, .close: wrote(FramedBatch.frameByteCount)
        case .events: preconditionFailure("events are written as batches")
        }
    }

    enum Taken {
        case event(MergedEvent, thread: Int)
        case message(ServerMessage, answers: Int64?)
        case pingFrame
        case close(code: Int)
    }

    /// The client takes the next frame off the network.
    ///
    /// - Returns: the frame, and whether the service may write again and could not before.
    func take() -> (Taken, becameWritable: Bool)? {
        guard let first = outbound.first else { return nil }
        let taken: Taken
        var byteCount = FramedBatch.frameByteCount
        switch first {
        case .events(let batch, let frame):
            let event = batch.frames[frame]
            taken = .event(event, thread: batch.thread)
            byteCount += event.event.bytes.count
            pendingEventByteCount -= byteCount
            if frame + 1 < batch.frames.count {
                outbound[0] = .events(batch, from: frame + 1)
            } else {
                _ = outbound.popFirst()
            }
        case .message(let message, let count, let number):
            taken = .message(message, answers: number)
            byteCount = count
            _ = outbound.popFirst()
        case .pingFrame:
            taken = .pingFrame
            _ = outbound.popFirst()
        case .close(let code):
            taken = .close(code: code)
            _ = outbound.popFirst()
        }
        pendingByteCount -= byteCount
        guard !isWritable, pendingByteCount < highWater / 2 else { return (taken, false) }
        isWritable = true
        return (taken, true)
    }

    /// The client's side is gone. What waits for it is with the kernel, if there is room.
    func leave() {
        isLeft = true
        let taken = min(kernelByteCount, pendingByteCount)
        kernelByteCount -= taken
        pendingByteCount -= taken
        pendingEventByteCount = 0
    }

    /// The service's side is gone.
    ///
    /// - Parameter count: so many of the frames on their way still arrive.
    func end(keeping count: Int) {
        isEnded = true
        while outbound.count > count { _ = outbound.popLast() }
    }

    // MARK: To the service

    var hasInbound: Bool { !inbound.isEmpty }

    func send(_ item: RequestItem) {
        inbound.append(item)
        switch item {
        case .request(let request):
            switch request.operation {
            case .subscribe(let subscribe): unanswered[subscribe.thread, default: []].append(request.number)
            case .unsubscribe(let thread): unanswered[thread, default: []].append(request.number)
            case .acknowledge, .emit, .ping, .pong: break
            }
        case .emit(let number, let thread):
            unanswered[thread, default: []].append(number)
        case .pongFrame, .closeFrame, .end:
            break
        }
    }

    /// A request of the client's is answered.
    ///
    /// - Returns: `false` when it is not the next one of its thread that is due, or was answered before.
    func answer(_ number: Int64, of thread: ThreadID) -> Bool {
        guard unanswered[thread]?.first == number else { return false }
        unanswered[thread]?.removeFirst()
        if unanswered[thread]?.isEmpty == true { unanswered[thread] = nil }
        return true
    }

    func takeRequest() -> RequestItem? { inbound.popFirst() }
}
