package import AgentEvents

/// One connection to the service, as logs and `welcome` name it.
package struct ConnectionID: Identifier {
    package static var kind: String { "connection id" }
    package let text: IdentifierText
    package init(text: IdentifierText) { self.text = text }
}
