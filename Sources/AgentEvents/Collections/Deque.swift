/// A queue: elements are added at the end and taken from either end, each in constant time (amortized), however many
/// there are.
///
/// The elements stand in a ring, an array whose first place follows its last one:
///
/// ```
/// ring    [ e  f  nil  nil  nil  b  c  d ]      start 5, count 5
///                                ^ first
/// ```
///
/// A full ring doubles. An element that was taken is let go at once, and a queue that becomes empty after a burst gives
/// its room back.
@usableFromInline
package struct Deque<Element> {
    /// No place, or a power of two of them.
    @usableFromInline var ring: [Element?] = []
    @usableFromInline var start = 0
    @usableFromInline var length = 0

    /// The most places that an empty queue keeps.
    @usableFromInline static var keptCapacity: Int { 1024 }

    @inlinable
    package init() {}

    @inlinable
    package mutating func append(_ element: Element) {
        if length == ring.count { grow() }
        ring[place(of: length)] = element
        length += 1
    }

    /// Adds an element before the others.
    @inlinable
    package mutating func prepend(_ element: Element) {
        if length == ring.count { grow() }
        start = place(of: -1)
        ring[start] = element
        length += 1
    }

    @inlinable
    package mutating func append(contentsOf elements: some Sequence<Element>) {
        for element in elements { append(element) }
    }

    @inlinable
    package mutating func popFirst() -> Element? {
        guard length > 0 else { return nil }
        let element = ring[start].take()
        start = place(of: 1)
        length -= 1
        if length == 0 { shrink() }
        return element
    }

    @inlinable
    package mutating func popLast() -> Element? {
        guard length > 0 else { return nil }
        length -= 1
        let element = ring[place(of: length)].take()
        if length == 0 { shrink() }
        return element
    }

    /// Lets all elements go, and the room they took.
    @inlinable
    package mutating func removeAll() { self = Deque() }

    /// The place of the element at an index in the ring.
    @inlinable
    func place(of index: Int) -> Int { (start &+ index) & (ring.count &- 1) }

    @inlinable
    mutating func grow() {
        var larger: [Element?] = []
        larger.reserveCapacity(Swift.max(4, ring.count * 2))
        larger.append(contentsOf: ring[start...])
        larger.append(contentsOf: ring[..<start])
        larger.append(contentsOf: repeatElement(nil, count: Swift.max(4, ring.count)))
        ring = larger
        start = 0
    }

    @inlinable
    mutating func shrink() {
        if ring.count > Self.keptCapacity { self = Deque() }
    }
}

extension Deque: Sendable where Element: Sendable {}

extension Deque: RandomAccessCollection, MutableCollection {
    @inlinable package var startIndex: Int { 0 }
    @inlinable package var endIndex: Int { length }

    @inlinable
    package subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < length, "an index of the queue")
            guard let element = ring[place(of: index)] else { preconditionFailure("an element at each index") }
            return element
        }
        set {
            precondition(index >= 0 && index < length, "an index of the queue")
            ring[place(of: index)] = newValue
        }
    }
}
