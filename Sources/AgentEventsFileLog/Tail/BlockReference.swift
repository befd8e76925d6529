/// The place of some consecutive events of a thread: a block, and the first of them.
struct BlockReference: Hashable, Sendable {
    let block: Int64
    let sequence: UInt64
}
