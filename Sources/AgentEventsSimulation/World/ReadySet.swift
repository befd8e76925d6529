/// Numbers out of a range, with one picked at random in constant time.
struct ReadySet {
    private(set) var members: [Int] = []
    private var positions: [Int]

    init(capacity: Int) { positions = [Int](repeating: -1, count: capacity) }

    var count: Int { members.count }
    var isEmpty: Bool { members.isEmpty }

    func contains(_ member: Int) -> Bool { member < positions.count && positions[member] >= 0 }

    mutating func set(_ member: Int, _ isReady: Bool) {
        let position = positions[member]
        if isReady {
            guard position < 0 else { return }
            positions[member] = members.count
            members.append(member)
        } else {
            guard position >= 0 else { return }
            let last = members[members.count - 1]
            members[position] = last
            positions[last] = position
            members.removeLast()
            positions[member] = -1
        }
    }
}
