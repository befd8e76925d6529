/// The conditions under which a request for approval is answered. What was asked is what is answered: they do not change.
package struct ApprovalTerms: Hashable, Sendable {
    /// The users who may answer; empty for the thread's user.
    package var approvers: [UserID]
    /// Whether an answer may replace the arguments of the call.
    package var isEditable: Bool
    /// The schema of an answer's data; `nil` for any.
    package var schema: JSONValue?

    package init(approvers: [UserID] = [], isEditable: Bool = false, schema: JSONValue? = nil) {
        self.approvers = approvers
        self.isEditable = isEditable
        self.schema = schema
    }

    /// - Returns: `nil` for a request without conditions.
    init?(_ requested: ApprovalRequested) {
        guard !requested.approvers.isEmpty || requested.isEditable || requested.schema != nil else { return nil }
        self.init(approvers: requested.approvers, isEditable: requested.isEditable, schema: requested.schema)
    }

    /// Whether a user may answer.
    ///
    /// - Parameter owner: the user of the thread.
    func allow(_ user: UserID, owner: UserID) -> Bool { approvers.isEmpty ? user == owner : approvers.contains(user) }

    /// Checks the data of the answer `approved`.
    ///
    /// - Throws: ``WireError`` with the path from the root of the data.
    func check(_ data: JSONValue?) throws(WireError) {
        var rest = data
        if let object = data?.objectValue, object[Self.argumentsMember] != nil, asksForArguments == false {
            guard isEditable else {
                throw WireError(
                    .unknownField, path: "$.\(Self.argumentsMember)",
                    "the arguments of the call are not to be edited: leave arguments out")
            }
            let others = object.filter { $0.key != Self.argumentsMember }
            rest = others.isEmpty ? nil : .object(JSONObject(uniqueMembers: others))
        }
        // One that was logged before schemas were checked may have one that is none: then any data fits.
        if let schema, let form = try? ApprovalSchema(schema) { try form.check(rest) }
    }

    /// The member of an answer's data that replaces all arguments of the call.
    static let argumentsMember = "arguments"

    /// Whether the form has a field of that name: then it is a field.
    private var asksForArguments: Bool { schema?["properties"]?[Self.argumentsMember] != nil }
}
