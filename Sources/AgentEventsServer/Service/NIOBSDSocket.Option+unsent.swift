import NIOCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension NIOBSDSocket.Option {
    /// How many bytes the kernel takes that it cannot send yet. Without it the kernel takes megabytes for a client that
    /// reads slowly; what is on its way does not count, so a fast client on a long way is not slowed down.
    static var maximumUnsentByteCount: NIOBSDSocket.Option { NIOBSDSocket.Option(rawValue: TCP_NOTSENT_LOWAT) }
}
