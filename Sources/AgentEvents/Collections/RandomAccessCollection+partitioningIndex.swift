extension RandomAccessCollection {
    /// Finds a boundary in a sorted collection by halving (binary search).
    ///
    /// - Parameter condition: holds for no element before the boundary and for every element after it.
    /// - Returns: the index of the first element for which the condition holds; `endIndex` when there is none.
    @inlinable
    package func partitioningIndex(where condition: (Element) throws -> Bool) rethrows -> Index {
        var low = startIndex
        var count = count
        while count > 0 {
            let half = count / 2
            let middle = index(low, offsetBy: half)
            if try condition(self[middle]) {
                count = half
            } else {
                low = index(after: middle)
                count -= half + 1
            }
        }
        return low
    }
}
