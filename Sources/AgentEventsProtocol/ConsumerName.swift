public import AgentEvents

/// The name of a reader whose acknowledgements the service stores: a browser tab, a device, a worker.
public struct ConsumerName: Identifier {
    public static var kind: String { "consumer name" }
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}
