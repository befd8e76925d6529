/// Where a sweep over the log is.
enum RetentionStage: Sendable {
    case idle
    /// The files of blocks that are too old or too many: trims what is in them, and removes those that are done with.
    case segments(SegmentPass)
    /// The threads behind a number: trims those that are too long.
    case threads(after: UInt64)
    /// A file that may have become free.
    case freeing(SegmentPass)
}
