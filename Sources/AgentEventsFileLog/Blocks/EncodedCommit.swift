/// A commit as it is written: its blocks, one after the other.
struct EncodedCommit {
    /// Where a block is, and how many entries of the commit are in it.
    struct Block {
        var position: Int64
        var entryCount: Int
    }

    var blocks: [Block] = []
    var bytes: [UInt8] = []
}
