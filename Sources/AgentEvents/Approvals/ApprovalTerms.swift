/// The conditions under which a request for approval is answered. What was asked is what is answered: they do not change.
package struct ApprovalTerms: Hashable, Sendable {
    /// The users who may answer; empty for the thread's user, and those who have the right to approve in it.
    package var approvers: [UserID]
    /// The user who may not answer in any case; `nil` for none.
    package var separateFrom: UserID?
    /// Allows an answer to replace the arguments of the call.
    package var isEditable: Bool
    /// The schema of an answer's data; `nil` for any.
    package var schema: JSONValue?

    package init(
        approvers: [UserID] = [],
        separateFrom: UserID? = nil,
        isEditable: Bool = false,
        schema: JSONValue? = nil
    ) {
        self.approvers = approvers
        self.separateFrom = separateFrom
        self.isEditable = isEditable
        self.schema = schema
    }

    /// - Returns: `nil` for a request without conditions.
    init?(_ requested: ApprovalRequested) {
        guard
            !requested.approvers.isEmpty || requested.separateFrom != nil || requested.isEditable
                || requested.schema != nil
        else { return nil }
        self.init(
            approvers: requested.approvers, separateFrom: requested.separateFrom, isEditable: requested.isEditable,
            schema: requested.schema)
    }

    /// Says if a user may answer.
    ///
    /// - Parameters:
    ///   - owner: the user of the thread.
    ///   - hasRight: whether the user has the right to approve in it. Where users are named, that is not enough.
    package func allow(_ user: UserID, owner: UserID, hasRight: Bool) -> Bool {
        guard user != separateFrom else { return false }
        return approvers.isEmpty ? user == owner || hasRight : approvers.contains(user)
    }

    /// Whether anybody can answer: a user who is named or, if nobody is named, one who has the right to approve in the thread.
    var mayAllowAnybody: Bool { approvers.isEmpty || approvers.contains { $0 != separateFrom } }

    /// Checks the data of the answer `approved`.
    ///
    /// - Throws: ``WireError`` with the path from the root of the data.
    package func check(_ data: JSONValue?) throws(WireError) {
        let (arguments, rest) = split(data)
        guard arguments == nil || isEditable else {
            throw WireError(
                .unknownField, path: "$.\(Self.argumentsMember)",
                "the arguments of the call are not to be edited: leave arguments out")
        }
        // A request that an earlier version has logged may have a schema that is no form: then any data fits.
        if let schema, let form = try? ApprovalSchema(schema) { try form.check(rest) }
    }

    /// The arguments that an answer has for the call, and the rest of its data. A field of the form that is named
    /// `arguments` is one like any other.
    func split(_ data: JSONValue?) -> (arguments: JSONValue?, rest: JSONValue?) {
        let name = Self.argumentsMember
        guard let object = data?.objectValue, let arguments = object[name], schema?["properties"]?[name] == nil else {
            return (nil, data)
        }
        let others = object.filter { $0.key != name }
        return (arguments, others.isEmpty ? nil : .object(JSONObject(uniqueMembers: others)))
    }

    /// The member of an answer's data that replaces all arguments of the call.
    private static let argumentsMember = "arguments"
}
