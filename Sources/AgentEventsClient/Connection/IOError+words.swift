internal import NIOCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

extension IOError {
    /// The error in the words of the operating system, without the call that failed.
    var words: String { String(cString: strerror(errnoCode)) }
}
