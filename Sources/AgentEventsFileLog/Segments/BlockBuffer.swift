/// Memory that blocks are read into, one after the other.
struct BlockBuffer: ~Copyable {
    /// Enough for the usual block at once.
    static let initialByteCount = BlockEncoder.capacity + 1024

    private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: initialByteCount, alignment: 8)

    deinit { memory.deallocate() }

    /// Makes room, keeping the first bytes.
    mutating func reserve(_ byteCount: Int, keeping count: Int) {
        guard byteCount > memory.count else { return }
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 8)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<count]))
        memory.deallocate()
        memory = larger
    }

    /// The memory after the first bytes.
    func free(from count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: memory[count...])
    }

    /// The first bytes.
    func bytes(_ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: memory[..<count])
    }
}
