import NIOCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension NIOBSDSocket.Option {
    /// The number of bytes that the kernel takes although it cannot send them yet. Without it, the kernel takes
    /// megabytes for a client that reads slowly. Bytes in flight do not count, so a fast client on a long line is not
    /// slowed down.
    static var maximumUnsentByteCount: NIOBSDSocket.Option { NIOBSDSocket.Option(rawValue: TCP_NOTSENT_LOWAT) }
}
