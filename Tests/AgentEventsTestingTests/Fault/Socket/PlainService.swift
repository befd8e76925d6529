import Synchronization

/// A service that does the same with each connection, and remembers what came.
final class PlainService: Sendable {
    let port: Int
    private let listener: PlainSocket
    private let received = Mutex<[[UInt8]]>([])

    private init(_ listener: PlainSocket, port: Int) {
        self.listener = listener
        self.port = port
    }

    /// What came of each connection that is over, in the order of their ends, when so many are.
    func conversations(_ count: Int) async -> [[UInt8]] {
        while true {
            let received = received.withLock { $0 }
            if received.count >= count { return received }
            await Task.yield()
        }
    }

    /// Says back what comes.
    static let echo: @Sendable (PlainSocket) async -> [UInt8] = { socket in
        var all: [UInt8] = []
        while true {
            let byte = await socket.receive(1)
            if byte.isEmpty { break }
            all += byte
            guard await socket.send(byte) else { break }
        }
        socket.endSending()
        return all
    }

    /// Sends this, and waits for the end.
    static func sending(_ bytes: [UInt8]) -> @Sendable (PlainSocket) async -> [UInt8] {
        { socket in
            await socket.send(bytes)
            socket.endSending()
            return await socket.receiveAll().bytes
        }
    }

    static func with<Result>(
        _ talk: @escaping @Sendable (PlainSocket) async -> [UInt8],
        _ body: (PlainService) async throws -> Result
    ) async throws -> Result {
        try await PlainSocket.withListener { listener, port in
            let service = PlainService(listener, port: port)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await service.run(talk) }
                defer { listener.shut() }
                return try await body(service)
            }
        }
    }

    private func run(_ talk: @escaping @Sendable (PlainSocket) async -> [UInt8]) async {
        await withTaskGroup(of: Void.self) { group in
            while let socket = await listener.accepted() {
                group.addTask {
                    let bytes = await talk(socket)
                    self.received.withLock { $0.append(bytes) }
                    socket.closeSocket()
                }
            }
        }
    }
}
