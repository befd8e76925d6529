import Foundation
import Synchronization

/// A service that does the same with each connection, and remembers what came. It has threads of its own, and needs no
/// turn of any task.
final class PlainService: Sendable {
    /// Talks with one connection, on a thread of its own.
    ///
    /// - Returns: what came.
    typealias Talk = @Sendable (PlainSocket) -> [UInt8]

    let port: Int
    private let listener: PlainSocket
    private let talk: Talk
    private let threadCount = Mutex(0)
    /// What came of each connection that is over; ends when all threads have.
    private let finished: AsyncStream<[UInt8]>
    private let finishing: AsyncStream<[UInt8]>.Continuation

    private init(_ listener: PlainSocket, port: Int, _ talk: @escaping Talk) {
        self.listener = listener
        self.port = port
        self.talk = talk
        (finished, finishing) = AsyncStream.makeStream()
    }

    /// What came of each connection that is over, in the order of their ends, when there are this many. Each is told once.
    func conversations(_ count: Int) async -> [[UInt8]] {
        var conversations: [[UInt8]] = []
        for await conversation in finished {
            conversations.append(conversation)
            if conversations.count == count { break }
        }
        return conversations
    }

    /// Says back what comes.
    static let echo: Talk = { socket in
        var all: [UInt8] = []
        while true {
            let byte = socket.nowReceive(upTo: 1).bytes
            if byte.isEmpty { break }
            all += byte
            guard socket.nowSend(byte) else { break }
        }
        socket.endSending()
        return all
    }

    /// Sends this, and waits for the end.
    static func sending(_ bytes: [UInt8]) -> Talk {
        { socket in
            socket.nowSend(bytes)
            socket.endSending()
            return socket.nowReceive(upTo: .max).bytes
        }
    }

    /// Serves for the length of a scope; returns when all connections are over.
    static func with<Result>(
        _ talk: @escaping Talk,
        _ body: (PlainService) async throws -> Result
    ) async throws -> Result {
        try await PlainSocket.withListener { listener, port in
            let service = PlainService(listener, port: port, talk)
            service.onThread(service.acceptAll)
            let result: Result
            do {
                result = try await body(service)
            } catch {
                await service.end()
                throw error
            }
            await service.end()
            return result
        }
    }

    private func end() async {
        listener.shut()
        for await _ in finished {}
    }

    private func acceptAll() {
        while let socket = listener.nowAccepted() {
            onThread {
                self.finishing.yield(self.talk(socket))
                socket.closeSocket()
            }
        }
    }

    private func onThread(_ work: @escaping @Sendable () -> Void) {
        threadCount.withLock { $0 += 1 }
        Thread.detachNewThread {
            work()
            let isLast = self.threadCount.withLock { count in
                count -= 1
                return count == 0
            }
            if isLast { self.finishing.finish() }
        }
    }
}
