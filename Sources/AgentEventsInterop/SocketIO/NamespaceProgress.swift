/// Tells how much of what one namespace has written is not yet taken, on a connection that others write to, too. What is written is
/// taken in the order in which it was.
///
/// It follows one mark at a time: the bytes of the namespace that stand before a place of the connection. Once the connection
/// has taken everything before that place, the mark moves to the end.
package struct NamespaceProgress: Sendable {
    private var writtenByteCount: UInt64 = 0
    private var takenByteCount: UInt64 = 0
    /// The place of the connection after the last bytes of the namespace.
    private var end: UInt64 = 0
    /// `nil` when everything is taken.
    private var mark: (place: UInt64, writtenByteCount: UInt64)?

    package init() {}

    /// - Parameters:
    ///   - byteCount: the bytes of the namespace.
    ///   - place: the number of bytes of the connection that were ever written, these with them.
    package mutating func wrote(_ byteCount: Int, upTo place: UInt64) {
        writtenByteCount += UInt64(byteCount)
        end = place
        if mark == nil { mark = (place, writtenByteCount) }
    }

    /// The bytes of the namespace that are not taken, at most.
    ///
    /// - Parameter taken: the number of bytes of the connection that were ever taken.
    package mutating func pendingByteCount(taken: UInt64) -> Int {
        if let mark, taken >= mark.place {
            takenByteCount = mark.writtenByteCount
            self.mark = nil
        }
        if taken >= end {
            takenByteCount = writtenByteCount
        } else if mark == nil {
            mark = (end, writtenByteCount)
        }
        return Int(writtenByteCount - takenByteCount)
    }
}
