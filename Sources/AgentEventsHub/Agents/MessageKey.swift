import AgentEvents

/// The identity of a user's message that may be sent again: one key of one author in one thread.
///
/// The id of such a message comes from the key, so that a repetition is answered with the same one.
struct MessageKey: Hashable, Sendable {
    /// The key of the event in the log; clients cannot give events such a key.
    let key: IdempotencyKey
    /// As the author gave it.
    let given: IdempotencyKey
    let message: MessageID

    init(_ key: IdempotencyKey, author: UserID, thread: ThreadID) {
        given = key
        // An id has no space in it.
        let text = "\(thread.rawValue) \(author.rawValue) \(key.rawValue)"
        let digits = Hexadecimal.text(of: SHA256Hash.hash(Array(text.utf8)).prefix(16))
        self.key = Self.identifier("message~\(digits)")
        message = Self.identifier("m_\(digits)")
    }

    /// The run that answers a message which was logged without one; its event has this id.
    static func run(answering event: EventID) -> RunID { identifier("r_\(event)") }

    private static func identifier<Kind: Identifier>(_ text: String) -> Kind {
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            preconditionFailure("letters and digits are an id")
        }
    }
}
