/// The members of one JSON object of a state, one after another; what has no value is left out.
struct StateMembers {
    private var members: [JSONObject.Element] = []

    var json: JSONValue { .object(JSONObject(uniqueMembers: members)) }

    mutating func add(_ name: String, _ value: JSONValue?) {
        if let value { members.append((name, value)) }
    }

    mutating func add(_ name: String, _ text: String?) { add(name, text.map(JSONValue.string)) }

    mutating func add(_ name: String, _ id: (some Identifier)?) { add(name, id?.rawValue) }

    mutating func add(_ name: String, _ text: (some Name)?) { add(name, text?.rawValue) }

    mutating func add(_ name: String, _ time: Timestamp?) { add(name, time?.rfc3339) }

    mutating func add(_ name: String, _ count: Int) { add(name, .integer(count)) }
}
