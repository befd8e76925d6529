package import AgentEvents

/// Who keeps a place in a thread under a name of their own: a user's phone, a worker.
package struct ConsumerID: Identifier {
    package static var kind: String { "consumer" }
    package let text: IdentifierText
    package init(text: IdentifierText) { self.text = text }
}
