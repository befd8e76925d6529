import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Testing

/// What is signed verifies, and nothing else does.
struct WebhookSignatureTests {
    private let secret = Array("a secret of some length".utf8)
    private let body = Array("{\"events\":[]}".utf8)
    private let time = Timestamp(milliseconds: 1_700_000_000_999)

    private func verify(
        _ header: String,
        body: [UInt8]? = nil,
        secret: [UInt8]? = nil,
        secondsLater: Int64 = 0
    ) -> WebhookError.Code? {
        let now = Timestamp(milliseconds: time.milliseconds + secondsLater * 1000)
        do throws(WebhookError) {
            try WebhookSignature.verify(header, body: body ?? self.body, secret: secret ?? self.secret, now: now)
            return nil
        } catch {
            return error.code
        }
    }

    /// Computed with Python's `hmac` and `hashlib`.
    @Test func isWhatOthersCompute() {
        let signature = WebhookSignature(signing: body, secret: secret, time: time)
        #expect(
            signature.headerValue == "t=1700000000,v1=7640b8ee75f3b333ac999e32697023d3ddaf494781915a904f03ec24fc3419fd")
    }

    @Test func verifiesWhatWasSigned() {
        let header = WebhookSignature(signing: body, secret: secret, time: time).headerValue
        for seconds in [0, 300, -300] as [Int64] { #expect(verify(header, secondsLater: seconds) == nil) }
        // While a secret is being changed, a sender may sign with both.
        let other = WebhookSignature(signing: body, secret: Array("another secret".utf8), time: time).headerValue
        let both = header + "," + other.split(separator: ",")[1]
        #expect(verify(both) == nil)
        #expect(verify(header.uppercased().replacing("T=", with: "t=").replacing("V1=", with: "v1=")) == nil)
    }

    @Test func findsEachChange() {
        let header = WebhookSignature(signing: body, secret: secret, time: time).headerValue
        #expect(verify(header, body: body + [0x20]) == .signatureWrong)
        #expect(verify(header, body: []) == .signatureWrong)
        #expect(verify(header, secret: secret + [1]) == .signatureWrong)
        #expect(verify(header.replacing("t=1700000000", with: "t=1700000001")) == .signatureWrong)
        #expect(verify(header.replacing("t=1700000000", with: "t=01700000000")) == .signatureWrong)
        #expect(verify(String(header.dropLast(2))) == .signatureWrong)
        #expect(verify(header, secondsLater: 301) == .signatureExpired)
        #expect(verify(header, secondsLater: -301) == .signatureExpired)
    }

    /// Somebody who knows no secret has one code computed, however many they send.
    @Test func aSignatureHasAFewCodes() {
        let header = WebhookSignature(signing: body, secret: secret, time: time).headerValue
        let good = header.split(separator: ",")[1]
        func codes(_ count: Int) -> String {
            "t=1700000000," + String(repeating: "v1=\(String(repeating: "00", count: 32)),", count: count) + good
        }
        #expect(verify(codes(7)) == nil)
        #expect(verify(codes(8)) == .signatureMalformed)
        #expect(verify(codes(4000)) == .signatureMalformed)
    }

    @Test(arguments: [
        "", "t=1700000000", "v1=00", "t=,v1=00", "t=x,v1=00", "t=1700000000,v1=0g", "t=1700000000,v1=0",
        "t=1700000000;v1=00", "t=99999999999999999999,v1=00",
    ])
    func whatIsNoSignatureIsMalformed(header: String) {
        #expect(verify(header) == .signatureMalformed)
    }
}
