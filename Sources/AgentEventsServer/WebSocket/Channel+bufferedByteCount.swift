import NIOCore

extension Channel {
    /// The number of bytes that were written and that the kernel has not taken. Called on the event loop.
    var bufferedByteCount: Int {
        do {
            return try syncOptions?.getOption(.bufferedWritableBytes) ?? 0
        } catch {
            // A channel that is closed has none.
            return 0
        }
    }
}
