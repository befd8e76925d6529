#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif
import Foundation

/// A TCP socket on the loopback interface whose calls wait. Those that begin with `now` hold the thread they are called
/// on; the others use a thread of their own, so that they take none from the tasks.
final class PlainSocket: Sendable {
    /// For what hangs, and not for what is slow: the machine may be busy with other things.
    private static let limitSeconds = 300

    enum Ending: Hashable, Sendable {
        case closed
        case reset
        /// Nothing came, and no end.
        case silent
    }

    private let descriptor: Int32

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    private func limitWaits() {
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            var limit = timeval(tv_sec: Self.limitSeconds, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    // MARK: Making

    /// Connects to a port; a refusal shows at the first read.
    static func with<Result>(port: Int, _ body: (PlainSocket) async throws -> Result) async throws -> Result {
        let socket = make()
        socket.limitWaits()
        var address = loopback(port)
        _ = withSocketAddress(&address) { connect(socket.descriptor, $0, $1) }
        return try await use(socket, body)
    }

    /// Listens on a free port.
    static func withListener<Result>(_ body: (PlainSocket, Int) async throws -> Result) async throws -> Result {
        let socket = make()
        let port = socket.bindToFreePort()
        listen(socket.descriptor, 64)
        return try await use(socket) { try await body($0, port) }
    }

    /// Holds a port on which nobody listens: who connects to it is refused, and nobody else is given it meanwhile.
    static func withUnusedPort<Result>(_ body: (Int) async throws -> Result) async throws -> Result {
        let socket = make()
        return try await use(socket) { try await body($0.bindToFreePort()) }
    }

    private func bindToFreePort() -> Int {
        var address = Self.loopback(0)
        _ = Self.withSocketAddress(&address) { bind(descriptor, $0, $1) }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = Self.withSocketAddress(&address) { pointer, _ in getsockname(descriptor, pointer, &length) }
        return Int(in_port_t(bigEndian: address.sin_port))
    }

    /// The next connection to a listener, however long nobody comes; `nil` when the listener is shut.
    func nowAccepted() -> PlainSocket? {
        while true {
            let accepted = accept(descriptor, nil, nil)
            if accepted < 0, errno == EINTR || errno == ECONNABORTED { continue }
            guard accepted >= 0 else { return nil }
            let socket = PlainSocket(accepted)
            socket.limitWaits()
            return socket
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
            PlainSocket(socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
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
    func send(_ bytes: [UInt8]) async -> Bool { await onThread { self.nowSend(bytes) } }

    /// - Returns: whether all was taken.
    @discardableResult
    func nowSend(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                #if canImport(Darwin)
                    Darwin.send(descriptor, $0.baseAddress, $0.count, 0)
                #else
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                #endif
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    func endSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Receives this many bytes, or as many as come before the end.
    func receive(_ count: Int) async -> [UInt8] { await onThread { self.nowReceive(upTo: count).bytes } }

    /// Receives everything up to the end.
    func receiveAll() async -> (bytes: [UInt8], ending: Ending) { await onThread { self.nowReceive(upTo: .max) } }

    func nowReceive(upTo limit: Int) -> (bytes: [UInt8], ending: Ending) {
        var bytes: [UInt8] = []
        var page = [UInt8](repeating: 0, count: min(limit, 1 << 16))
        while bytes.count < limit {
            let count = recv(descriptor, &page, min(page.count, limit - bytes.count), 0)
            if count == 0 { return (bytes, .closed) }
            if count < 0 {
                let number = errno
                if number == EINTR { continue }
                return (bytes, number == EAGAIN ? .silent : .reset)
            }
            bytes += page[..<count]
        }
        return (bytes, .silent)
    }

    private func onThread<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: work()) }
        }
    }
}
