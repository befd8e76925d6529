import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension ServiceError {
    /// The error of `bind` in words for people who start the service; `nil` when the error is not one of `bind`.
    package init?(listeningOn host: String, port: Int, _ error: any Error) {
        switch error {
        case let error as IOError where error.errnoCode == EADDRINUSE:
            self.init(
                .portInUse, "another process listens on \(host):\(port): stop it, or choose another port", cause: error)
        case let error as IOError where error.errnoCode == EACCES || error.errnoCode == EPERM:
            self.init(
                .portForbidden, "this process may not listen on \(host):\(port): choose a port above 1023",
                cause: error)
        case let error as IOError where error.errnoCode == EADDRNOTAVAIL:
            self.init(.hostInvalid, "\(host) is not an address of this machine: listen on one that is", cause: error)
        case SocketAddressError.unixDomainSocketPathTooLong:
            self.init(
                .socketInvalid, "the path of a unix socket has about 100 bytes at most: choose a shorter one",
                cause: error)
        // That of a name is no case of the other.
        case is SocketAddressError, is SocketAddressError.UnknownHost:
            self.init(.hostInvalid, "\(host) is not a name or an address that is known here", cause: error)
        case let error as IOError:
            self.init(.listeningFailed, "listening on \(host):\(port) failed: \(error)", cause: error)
        default:
            return nil
        }
    }
}
