extension ThreadState {
    /// How many things of one kind there are, and how many bytes their contents take.
    struct Usage: Hashable, Sendable {
        private(set) var count = 0
        private(set) var byteCount = 0

        mutating func add(_ bytes: Int) {
            count += 1
            byteCount += bytes
        }

        mutating func subtract(_ bytes: Int) {
            count -= 1
            byteCount -= bytes
        }

        /// Whether one has to go. The last one stays, whatever its size.
        func exceeds(count maximumCount: Int, byteCount maximumByteCount: Int) -> Bool {
            count > 1 && (count > maximumCount || byteCount > maximumByteCount)
        }
    }
}
