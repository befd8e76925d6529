public import AgentEvents
import AgentEventsHub
import Crypto

/// The signature of a webhook's body: `Agent-Events-Signature: t=<seconds since 1970>,v1=<hex>`.
///
/// `v1` is the HMAC-SHA256, in hexadecimal, of the time as it stands in the header, a full stop, and the body's bytes:
///
/// ```python
/// expected = hmac.new(secret, time.encode() + b"." + body, hashlib.sha256).hexdigest()
/// ```
///
/// A receiver compares in constant time, over the bytes as they came, and refuses a time that is too far from its own,
/// so that nobody can send a request again later.
public struct WebhookSignature: Hashable, Sendable {
    /// The name of the header.
    public static let headerName = "Agent-Events-Signature"

    /// The header's value.
    public let headerValue: String

    /// Signs a body.
    ///
    /// - Parameters:
    ///   - secret: known to the sender and the receiver.
    ///   - time: when it is sent; of it, whole seconds are signed.
    public init(signing body: [UInt8], secret: [UInt8], time: Timestamp) {
        let seconds = time.milliseconds / 1000
        var code = HMAC<SHA256>(key: SymmetricKey(data: secret))
        code.update(data: Array("\(seconds).".utf8))
        code.update(data: body)
        headerValue = "t=\(seconds),v1=\(Hexadecimal.text(of: code.finalize()))"
    }

    /// For receivers written in Swift: whether a request was signed with the secret, and lately.
    ///
    /// - Parameters:
    ///   - headerValue: the value of ``headerName``. Of several `v1`, 8 at most, one has to fit.
    ///   - body: the bytes of the body as they came.
    ///   - tolerance: how far the time, in whole seconds, may be from `now`, either way. Default: 300 seconds.
    /// - Throws: ``WebhookError``: `webhook.signature_malformed`, `webhook.signature_expired`,
    ///   `webhook.signature_wrong`.
    public static func verify(
        _ headerValue: String,
        body: [UInt8],
        secret: [UInt8],
        now: Timestamp,
        tolerance: Duration = .seconds(300)
    ) throws(WebhookError) {
        var time: Substring?
        var texts: [Substring] = []
        for part in headerValue.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { continue }
            if pair[0] == "t" { time = pair[1] }
            if pair[0] == "v1" { texts.append(pair[1]) }
        }
        let codes = try CandidateCodes(texts) { Hexadecimal.bytes($0) }
        guard let time, let seconds = Int64(time), let codes else {
            throw WebhookError(.signatureMalformed, "a signature is t=<seconds>,v1=<hexadecimal>")
        }
        guard codes.sign(Array("\(time).".utf8), body, secret: secret) else {
            throw WebhookError(.signatureWrong, "the body was not signed with this secret, or was changed")
        }
        // Looked at last: the time of a wrong signature says nothing.
        let (age, isOverflow) = (now.milliseconds / 1000).subtractingReportingOverflow(seconds)
        guard !isOverflow, .seconds(age.magnitude) <= tolerance else {
            throw WebhookError(.signatureExpired, "the body was signed too long ago, or with a clock that is wrong")
        }
    }
}
