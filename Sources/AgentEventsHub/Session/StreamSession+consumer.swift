import AgentEvents

extension StreamSession {
    /// - Throws: ``ProtocolError`` when a request names a consumer and the service stores no places.
    func checkConsumer(_ request: SubscribeRequest) throws(ProtocolError) {
        guard request.consumer != nil else { return }
        guard services.consumers != nil else {
            throw ProtocolError(
                .consumerUnsupported,
                "this service stores no acknowledgements: subscribe without consumer, with a cursor of your own",
                path: "$.consumer", thread: request.thread)
        }
    }

    /// Whose place a subscription has; `nil` without a consumer.
    func consumerKey(of subscription: StreamSubscription) -> ConsumerKey? {
        subscription.consumer.map { ConsumerKey(thread: subscription.thread, user: principal.user, consumer: $0) }
    }
}
