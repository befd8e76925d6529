#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A ``FaultProxy`` could not be started.
public struct FaultProxyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The system call that was refused: `bind`.
    public var call: String
    /// The system's number of the error.
    public var number: Int32

    /// - Parameter call: has just failed.
    init(call: String) { (self.call, number) = (call, errno) }

    public var description: String { "the proxy cannot be started: \(call): \(String(cString: strerror(number)))" }
}
