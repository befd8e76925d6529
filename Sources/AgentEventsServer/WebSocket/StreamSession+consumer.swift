import AgentEvents

extension StreamSession {
    /// - Throws: ``ProtocolError`` when the consumer of a request is none whose place can be stored.
    func checkConsumer(_ request: SubscribeRequest) throws(ProtocolError) {
        guard let key = request.consumerKey(of: principal.user) else { return }
        guard services.consumers != nil else {
            throw ProtocolError(
                .consumerUnsupported,
                "this service stores no acknowledgements: subscribe without consumer, with a cursor of your own",
                path: "$.consumer", thread: request.thread)
        }
        guard key.isStorable else {
            throw ProtocolError(
                .consumerInvalid,
                "the names of the user and the consumer are too long together: shorten the consumer's",
                path: "$.consumer", thread: request.thread)
        }
    }

    /// Whose place a subscription has; `nil` without a consumer.
    func consumerKey(of subscription: StreamSubscription) -> ConsumerKey? {
        subscription.consumer.map { ConsumerKey(thread: subscription.thread, user: principal.user, consumer: $0) }
    }
}
