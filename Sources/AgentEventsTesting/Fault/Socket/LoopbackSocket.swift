#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A TCP socket on the loopback interface that never waits. Its owner closes it.
struct LoopbackSocket {
    enum Reading {
        case bytes(ArraySlice<UInt8>)
        case nothing
        case end
        case broken
    }

    let descriptor: Int32

    private init(_ descriptor: Int32) throws(FaultProxyError) {
        self.descriptor = descriptor
        guard fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0,
            fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0
        else {
            let error = FaultProxyError(call: "fcntl")
            _ = close(descriptor)
            throw error
        }
        // Each write is a segment of its own.
        set(Int32(IPPROTO_TCP), TCP_NODELAY, 1 as Int32)
        #if canImport(Darwin)
            set(SOL_SOCKET, SO_NOSIGPIPE, 1 as Int32)
        #endif
    }

    /// A new socket that waits for connections on a free port.
    static func listening() throws(FaultProxyError) -> LoopbackSocket {
        let socket = try make()
        var address = loopback(port: 0)
        let isBound = withSocketAddress(&address) { bind(socket.descriptor, $0, $1) } == 0
        guard isBound, listen(socket.descriptor, 1024) == 0 else {
            let error = FaultProxyError(call: isBound ? "listen" : "bind")
            socket.shut()
            throw error
        }
        return socket
    }

    /// A new socket on its way to a port: it can be written to when it is there.
    static func connecting(to port: Int) throws(FaultProxyError) -> LoopbackSocket {
        let socket = try make()
        var address = loopback(port: port)
        let result = withSocketAddress(&address) { connect(socket.descriptor, $0, $1) }
        guard result == 0 || errno == EINPROGRESS else {
            let error = FaultProxyError(call: "connect")
            socket.shut()
            throw error
        }
        return socket
    }

    private static func make() throws(FaultProxyError) -> LoopbackSocket {
        #if canImport(Glibc)
            // No process that is started meanwhile inherits it.
            let stream = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        #else
            let stream = SOCK_STREAM
        #endif
        let descriptor = socket(AF_INET, stream, 0)
        guard descriptor >= 0 else { throw FaultProxyError(call: "socket") }
        return try LoopbackSocket(descriptor)
    }

    private static func loopback(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
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

    /// The port it is bound to.
    var port: Int {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = Self.withSocketAddress(&address) { pointer, _ in getsockname(descriptor, pointer, &length) }
        return result == 0 ? Int(in_port_t(bigEndian: address.sin_port)) : 0
    }

    /// - Returns: `nil` when nobody waits to be let in.
    func accepted() -> LoopbackSocket? {
        let accepted = accept(descriptor, nil, nil)
        return accepted < 0 ? nil : try? LoopbackSocket(accepted)
    }

    /// Whether it could not connect.
    var hasFailed: Bool {
        var number: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &length) != 0 || number != 0
    }

    func read(atMost count: Int) -> Reading {
        var result = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            result = recv(descriptor, buffer.baseAddress, count, 0)
            initializedCount = max(0, result)
        }
        if result > 0 { return .bytes(bytes[...]) }
        if result == 0 { return .end }
        return Self.isToWait ? .nothing : .broken
    }

    /// - Returns: how many bytes were written; `nil` when the connection is broken.
    func write(_ bytes: ArraySlice<UInt8>) -> Int? {
        #if canImport(Darwin)
            let flags: Int32 = 0
        #else
            let flags = Int32(MSG_NOSIGNAL)
        #endif
        let result = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, flags) }
        if result >= 0 { return result }
        return Self.isToWait ? 0 : nil
    }

    private static var isToWait: Bool { errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR }

    /// Says that nothing more is written.
    func endWriting() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    func shut() { _ = close(descriptor) }

    /// Closes it with a reset: what is on its way is lost.
    func reset() {
        set(SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: 0))
        shut()
    }

    private func set<Value: BitwiseCopyable>(_ level: Int32, _ option: Int32, _ value: Value) {
        var value = value
        _ = setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Value>.size))
    }
}
