/// JSON values by their coding paths, as a tree.
///
/// A step of a path has a name and maybe a number; which of them counts is known only when what it leads into is seen to
/// be an object or an array.
struct KeptValues {
    private struct Node {
        var value: JSONValue?
        var byName: [ExactString: Int] = [:]
        var byNumber: [Int: Int] = [:]
    }

    private var nodes = [Node()]

    /// How many values there are.
    var count: Int { nodes.count { $0.value != nil } }

    mutating func keep(_ value: JSONValue, at path: [any CodingKey]) {
        var index = 0
        for key in path {
            let name = ExactString(key.stringValue)
            if let next = nodes[index].byName[name] {
                index = next
                continue
            }
            nodes.append(Node())
            nodes[index].byName[name] = nodes.count - 1
            if let number = key.intValue { nodes[index].byNumber[number] = nodes.count - 1 }
            index = nodes.count - 1
        }
        nodes[index].value = value
    }

    /// - Parameter placed: how many kept values have found their place.
    func restore(in value: JSONValue, placed: inout Int) -> JSONValue { restore(in: value, node: 0, placed: &placed) }

    private func restore(in value: JSONValue, node: Int, placed: inout Int) -> JSONValue {
        if let exact = nodes[node].value {
            placed += 1
            return exact
        }
        switch value {
        case .array(var elements):
            for (number, next) in nodes[node].byNumber where elements.indices.contains(number) {
                elements[number] = restore(in: elements[number], node: next, placed: &placed)
            }
            return .array(elements)
        case .object(let object):
            let members = object.map { key, value in
                let next = nodes[node].byName[ExactString(key)]
                return (key, next.map { restore(in: value, node: $0, placed: &placed) } ?? value)
            }
            return .object(JSONObject(uniqueMembers: members))
        case .null, .bool, .number, .string, .unpairedString:
            return value
        }
    }
}
