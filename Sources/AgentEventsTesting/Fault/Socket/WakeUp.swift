#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Wakes a thread that waits in `poll`: a pipe. Its maker closes it when no further signal can come.
struct WakeUp: Sendable {
    let reading: Int32
    private let writing: Int32

    init() throws(FaultProxyError) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw FaultProxyError(call: "pipe") }
        (reading, writing) = (ends[0], ends[1])
        // A full pipe wakes as well as one byte.
        for end in ends { _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }

    func signal() { _ = write(writing, [1] as [UInt8], 1) }

    func clear() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(reading, &bytes, bytes.count) > 0 {}
    }

    func shut() {
        _ = close(reading)
        _ = close(writing)
    }
}
