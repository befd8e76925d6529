import AgentEvents

/// Decides which connections have to make room, of those that have not shown credentials yet.
///
///     begun ── authenticated, or gone ──> ended
///       └── too many, and it is the oldest ──> displaced
package struct UnauthenticatedStateMachine: Sendable {
    /// Numbers a connection, in the order in which they begin.
    package typealias ID = UInt64

    private var maximumCount: Int?
    private var maximumCountPerAddress: Int?
    private var nextID: ID = 0
    private var addresses: [ID: AddressKey?] = [:]
    /// Those that have ended are left in it until they are the oldest.
    private var order = Deque<ID>()
    private var orders: [AddressKey: [ID]] = [:]

    package init(maximumCount: Int?, maximumCountPerAddress: Int?) {
        self.maximumCount = maximumCount
        self.maximumCountPerAddress = maximumCountPerAddress
    }

    /// Other limits count from now on, for connections that begin.
    package mutating func replace(maximumCount: Int?, maximumCountPerAddress: Int?) {
        self.maximumCount = maximumCount
        self.maximumCountPerAddress = maximumCountPerAddress
    }

    /// The number of connections that have not shown credentials.
    package var count: Int { addresses.count }

    package struct Begun: Hashable, Sendable {
        package var id: ID
        /// The connection that has to go for it.
        package var displaced: ID?
    }

    /// - Parameter address: `nil` for one that is not limited by itself.
    package mutating func begin(_ address: AddressKey?) -> Begun {
        let displaced = makeRoom(address)
        if let displaced { end(displaced) }
        nextID += 1
        addresses[nextID] = .some(address)
        order.append(nextID)
        if let address, maximumCountPerAddress != nil { orders[address, default: []].append(nextID) }
        return Begun(id: nextID, displaced: displaced)
    }

    private mutating func makeRoom(_ address: AddressKey?) -> ID? {
        if let address, let maximumCountPerAddress, let order = orders[address], order.count >= maximumCountPerAddress {
            return order.first
        }
        guard let maximumCount, addresses.count >= maximumCount else { return nil }
        while let first = order.first {
            if addresses[first] != nil { return first }
            _ = order.popFirst()
        }
        return nil
    }

    /// The connection is authenticated, or gone.
    package mutating func end(_ id: ID) {
        guard let address = addresses.removeValue(forKey: id) else { return }
        if let address {
            orders[address]?.removeAll { $0 == id }
            if orders[address]?.isEmpty == true { orders[address] = nil }
        }
        // As many have ended as are there: the rest is kept short.
        if order.count > 2 * addresses.count + 64 {
            var kept = Deque<ID>()
            kept.append(contentsOf: order.filter { addresses[$0] != nil })
            order = kept
        }
    }
}
