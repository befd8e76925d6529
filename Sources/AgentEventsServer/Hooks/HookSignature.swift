import AgentEvents
import AgentEventsHub
import Crypto
import HTTPTypes

/// The signature of a delivery to a hook, as its headers have it.
struct HookSignature: Hashable, Sendable {
    private enum Scheme: Hashable {
        /// Standard Webhooks.
        case standard(id: String, time: String, signatures: String)
        /// That of ``WebhookSink``.
        case own(String)
    }

    /// The farthest that its time may be from now, either way.
    private static let tolerance = Duration.seconds(300)

    private let scheme: Scheme

    /// - Returns: `nil` when there is none. Of both, the one that signs an id counts: no text fits both, since a body begins with a
    ///   brace or a bracket.
    init?(_ headers: HTTPFields) {
        if let id = headers[.webhookID], let time = headers[.webhookTimestamp],
            let signatures = headers[.webhookSignature]
        {
            scheme = .standard(id: id, time: time, signatures: signatures)
        } else if let own = headers[.agentEventsSignature] {
            scheme = .own(own)
        } else {
            return nil
        }
    }

    /// Checks it.
    ///
    /// - Returns: what tells the delivery from all others, and is signed.
    /// - Throws: ``WebhookError``, as ``WebhookSignature/verify(_:body:secret:now:tolerance:)``.
    func verify(_ body: [UInt8], secret: [UInt8], now: Timestamp) throws(WebhookError) -> String {
        switch scheme {
        case .own(let header):
            try WebhookSignature.verify(header, body: body, secret: secret, now: now, tolerance: Self.tolerance)
            return "body \(Hexadecimal.text(of: SHA256.hash(data: body)))"
        case .standard(let id, let time, let signatures):
            try Self.verify(id: id, time: time, signatures, body, secret, now)
            return "id \(id)"
        }
    }

    private static func verify(
        id: String,
        time: String,
        _ signatures: String,
        _ body: [UInt8],
        _ secret: [UInt8],
        _ now: Timestamp
    ) throws(WebhookError) {
        let texts = signatures.split(separator: " ").filter { $0.hasPrefix("v1,") }.map { $0.dropFirst(3) }
        let codes = try CandidateCodes(texts) { Base64.decode($0) }
        guard !id.isEmpty, let seconds = Int64(time), let codes else {
            throw WebhookError(
                .signatureMalformed, "webhook-signature is v1, and Base64, and webhook-timestamp is in whole seconds")
        }
        guard codes.sign(Array("\(id).\(time).".utf8), body, secret: secret) else {
            throw WebhookError(.signatureWrong, "the delivery was not signed with this secret, or was changed")
        }
        // Looked at last: the time of a wrong signature says nothing.
        let (age, isOverflow) = (now.milliseconds / 1000).subtractingReportingOverflow(seconds)
        guard !isOverflow, .seconds(age.magnitude) <= tolerance else {
            throw WebhookError(.signatureExpired, "the delivery was signed too long ago, or with a clock that is wrong")
        }
    }
}

extension HTTPField.Name {
    fileprivate static var webhookID: Self { name("webhook-id") }
    fileprivate static var webhookTimestamp: Self { name("webhook-timestamp") }
    fileprivate static var webhookSignature: Self { name("webhook-signature") }
    fileprivate static var agentEventsSignature: Self { name(WebhookSignature.headerName) }

    private static func name(_ text: String) -> Self {
        guard let name = Self(text) else { preconditionFailure("\(text) is the name of a header") }
        return name
    }
}
