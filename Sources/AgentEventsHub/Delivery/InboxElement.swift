/// What a commit holds of one thread, on its way to an event loop.
package protocol InboxElement {
    associatedtype Thread: Hashable

    var thread: Thread { get }
    var byteCount: Int { get }
    /// The notice that the thread has moved: the events are to be read from the log.
    var notice: Self { get }
    /// Whether both have events, and those of the other one follow without a gap.
    func adjoins(_ next: Self) -> Bool
    /// One in the place of several.
    ///
    /// - Parameter run: more than one, each adjoining the one before.
    static func joining(_ run: ArraySlice<Self>) -> Self
}

extension InboxElement {
    /// Elements of one thread, in order, as few as possible.
    ///
    /// - Parameter maximumByteCount: more than this is not put into one.
    package static func joined(_ elements: [Self], maximumByteCount: Int) -> [Self] {
        var joined: [Self] = []
        var start = 0
        var byteCount = 0
        for (index, element) in elements.enumerated() {
            byteCount += element.byteCount
            if index + 1 < elements.count, element.adjoins(elements[index + 1]),
                byteCount + elements[index + 1].byteCount <= maximumByteCount
            {
                continue
            }
            joined.append(start == index ? element : Self.joining(elements[start...index]))
            start = index + 1
            byteCount = 0
        }
        return joined
    }
}
