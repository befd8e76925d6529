#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif
import AgentEvents
import Synchronization

/// A TCP socket on the loopback interface whose calls wait, for ten seconds at most; each method on a thread of its own.
final class PlainSocket: Sendable {
    enum Ending: Hashable, Sendable {
        case closed
        case reset
        /// Nothing came, and no end.
        case silent
    }

    private let descriptor: Int32

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            var limit = timeval(tv_sec: 10, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    // MARK: Making

    /// Connects to a port; a refusal shows at the first read.
    static func with<Result>(port: Int, _ body: (PlainSocket) async throws -> Result) async throws -> Result {
        let socket = make()
        var address = loopback(port)
        _ = withSocketAddress(&address) { connect(socket.descriptor, $0, $1) }
        return try await use(socket, body)
    }

    /// Listens on a free port.
    static func withListener<Result>(_ body: (PlainSocket, Int) async throws -> Result) async throws -> Result {
        let socket = make()
        var address = loopback(0)
        _ = withSocketAddress(&address) { bind(socket.descriptor, $0, $1) }
        listen(socket.descriptor, 64)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withSocketAddress(&address) { pointer, _ in getsockname(socket.descriptor, pointer, &length) }
        return try await use(socket) { try await body($0, Int(in_port_t(bigEndian: address.sin_port))) }
    }

    /// The next connection to a listener; `nil` when the listener is shut.
    func accepted() async -> PlainSocket? {
        await blocking {
            let accepted = accept(self.descriptor, nil, nil)
            return accepted < 0 ? nil : PlainSocket(accepted)
        }
    }

    /// What waits in this socket, or a later call, ends at once.
    func shut() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

    func closeSocket() { _ = close(descriptor) }

    private static func use<Result>(
        _ socket: PlainSocket,
        _ body: (PlainSocket) async throws -> Result
    ) async throws -> Result {
        defer { socket.closeSocket() }
        return try await body(socket)
    }

    private static func make() -> PlainSocket {
        #if canImport(Glibc)
            PlainSocket(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        #else
            PlainSocket(socket(AF_INET, SOCK_STREAM, 0))
        #endif
    }

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func withSocketAddress<Result>(
        _ address: inout sockaddr_in,
        _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    // MARK: Reading and writing

    /// - Returns: whether all was taken.
    @discardableResult
    func send(_ bytes: [UInt8]) async -> Bool {
        await blocking {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    #if canImport(Darwin)
                        Darwin.send(self.descriptor, $0.baseAddress, $0.count, 0)
                    #else
                        Glibc.send(self.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                    #endif
                }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }

    func endSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Receives so many bytes, or as many as come before the end.
    func receive(_ count: Int) async -> [UInt8] { await receive(upTo: count).bytes }

    /// Receives everything up to the end.
    func receiveAll() async -> (bytes: [UInt8], ending: Ending) { await receive(upTo: .max) }

    private func receive(upTo limit: Int) async -> (bytes: [UInt8], ending: Ending) {
        await blocking {
            var bytes: [UInt8] = []
            var page = [UInt8](repeating: 0, count: 1 << 16)
            while bytes.count < limit {
                let count = recv(self.descriptor, &page, min(page.count, limit - bytes.count), 0)
                if count == 0 { return (bytes, .closed) }
                if count < 0 { return (bytes, errno == EAGAIN ? .silent : .reset) }
                bytes += page[..<count]
            }
            return (bytes, .silent)
        }
    }

    /// Sending and receiving go on at the same time: each has a thread.
    private func blocking<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
        let result = Mutex<Result?>(nil)
        await BlockingQueue(label: "plain-socket").run {
            let value = work()
            result.withLock { $0 = value }
        }
        guard let value = result.withLock({ $0 }) else { preconditionFailure("the work was done") }
        return value
    }
}
