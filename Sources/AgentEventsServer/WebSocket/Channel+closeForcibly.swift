import NIOCore

#if TLS
    import NIOSSL
#endif

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension Channel {
    /// Closes at once and drops what the peer has not taken, in this process and in the kernel: a peer that does not read
    /// must not keep memory here after its connection is given up.
    func closeForcibly() {
        // Without waiting for it: on a channel's event loop the option is set at once, and a channel that has none is
        // closed all the same.
        if let socket = self as? any SocketOptionProvider {
            _ = socket.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        #if TLS
            // Without the goodbye of TLS, which would wait for the peer.
            if let context = try? pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self) {
                context.close(promise: nil)
                return
            }
        #endif
        close(promise: nil)
    }
}
