import AgentEventsClient
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A port at which nobody listens, and nobody else can begin to: a socket has it that does not listen. A port that was free
/// a moment ago may be another test's by now.
enum SilentPort {
    /// Keeps a port for the length of a scope.
    static func with(_ body: (StreamURL) async throws -> Void) async throws {
        #if canImport(Glibc)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        #else
            let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Without SO_REUSEADDR: no other socket gets the port.
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(isBound)
        try await body(StreamURL(host: "127.0.0.1", port: Int(UInt16(bigEndian: address.sin_port))))
    }
}
