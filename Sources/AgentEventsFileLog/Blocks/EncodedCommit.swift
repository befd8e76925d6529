/// A commit as it is written: its blocks, one after the other.
struct EncodedCommit {
    /// The place of a block, and the number of entries of the commit in it.
    struct Block {
        var position: Int64
        var entryCount: Int
    }

    var blocks: [Block] = []
    var bytes: [UInt8] = []
}
