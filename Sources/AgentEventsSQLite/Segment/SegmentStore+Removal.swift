import AgentEvents
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension SegmentStore {
    /// The next commit goes into a new file, so that the last one can be removed later.
    func completeLast() { list.withLock { $0.isLastComplete = true } }

    /// Removes a file that nobody reads any more and that is not the last. One that is open stays readable for those who
    /// have it.
    func remove(_ segment: Segment) throws(EventLogError) {
        let isLast = list.withLock { list in
            if list.last?.start == segment.start { return true }
            list.remove(segment)
            return false
        }
        precondition(!isLast, "the last file of blocks is written to")
        // One that is gone already was removed before a crash.
        guard unlink(segment.path) == 0 || errno == ENOENT else {
            throw EventLogError(systemError: errno, doing: "removing", path: segment.path)
        }
    }

    /// When a file was last written to; `nil` when it is gone.
    func lastWrite(of segment: Segment) throws(EventLogError) -> Timestamp? {
        do throws(FileDescriptor.Failure) {
            return try FileDescriptor.lastWrite(path: segment.path)
        } catch {
            if error.systemError == ENOENT { return nil }
            throw EventLogError(systemError: error.systemError, doing: "looking at", path: segment.path)
        }
    }
}
