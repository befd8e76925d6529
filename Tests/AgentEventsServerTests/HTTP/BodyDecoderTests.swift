import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import HTTPTypes
import Testing

/// Compressed bodies, in whatever parts they come.
struct BodyDecoderTests {
    /// `{"a":1}`, as other programs compress it.
    private static let text = Array(#"{"a":1}"#.utf8)
    private static let gzip: [UInt8] = [
        0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xAB, 0x56, 0x4A, 0x54, 0xB2, 0x32, 0xAC, 0x05,
        0x00,
        0xAF, 0xAC, 0x1B, 0x56, 0x07, 0x00, 0x00, 0x00,
    ]
    private static let zlib: [UInt8] = [
        0x78, 0x9C, 0xAB, 0x56, 0x4A, 0x54, 0xB2, 0x32, 0xAC, 0x05, 0x00, 0x08, 0x2A, 0x02, 0x09,
    ]
    private static let raw: [UInt8] = [0xAB, 0x56, 0x4A, 0x54, 0xB2, 0x32, 0xAC, 0x05, 0x00]
    /// 100 000 zeros in 132 bytes.
    private static let zeros: [UInt8] =
        [0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xED, 0xC1, 0x31, 0x01, 0x00, 0x00, 0x00, 0xC2]
        + [0xA0, 0xF5, 0x4F, 0x6D, 0x0D, 0x0F, 0xA0] + Array(repeating: 0, count: 96)
        + [0x80, 0x57, 0x03, 0x7D, 0x95, 0x11, 0xD4, 0xA0, 0x86, 0x01, 0x00]

    private func decode(
        _ body: [UInt8],
        _ coding: ContentCoding,
        partByteCount: Int,
        limit: Int = 1000
    ) throws(ProtocolError) -> [UInt8] {
        let decoder = BodyDecoder(coding, maximumByteCount: limit)
        var rest = body[...]
        while !rest.isEmpty {
            try decoder.append(rest.prefix(partByteCount))
            rest = rest.dropFirst(partByteCount)
        }
        return try decoder.finish()
    }

    @Test(
        arguments: [
            (text, .identity, text), (gzip, .gzip, text), (zlib, .deflate, text), (raw, .deflate, text),
            (gzip + gzip, .gzip, text + text), ([], .identity, []),
        ] as [([UInt8], ContentCoding, [UInt8])], [1, 2, 7, 1000])
    func bodiesAreDecoded(_ example: ([UInt8], ContentCoding, [UInt8]), _ partByteCount: Int) throws {
        #expect(try decode(example.0, example.1, partByteCount: partByteCount) == example.2)
    }

    @Test(
        arguments: [
            (text, .gzip), (text, .deflate), ([], .gzip), ([], .deflate), (gzip.dropLast(), .gzip),
            (Array(gzip.prefix(1)), .gzip), (zlib.dropLast(), .deflate), (raw.dropLast(), .deflate),
            (gzip + text, .gzip), (gzip + [0], .gzip), (gzip + gzip.dropLast(), .gzip), (zlib + zlib, .deflate),
            (gzip.dropLast(5) + [0, 7, 0, 0, 0], .gzip), (gzip.dropLast() + [1], .gzip), (zlib, .gzip),
        ] as [([UInt8], ContentCoding)], [1, 1000])
    func whatIsNotInItsCodingIsRefused(_ example: ([UInt8], ContentCoding), _ partByteCount: Int) {
        do throws(ProtocolError) {
            let decoded = try decode(example.0, example.1, partByteCount: partByteCount)
            Issue.record("decoded to \(decoded)")
        } catch {
            #expect(error.code == .bodyEncodingInvalid)
            #expect(error.status.code == 400)
        }
    }

    @Test(
        arguments: [
            (text, .identity, 7, true), (text, .identity, 6, false), (gzip, .gzip, 27, true), (gzip, .gzip, 26, false),
            (zeros, .gzip, 100_000, true), (zeros, .gzip, 99_999, false), (zeros, .gzip, 1000, false),
        ] as [([UInt8], ContentCoding, Int, Bool)])
    func theLimitHoldsForWhatIsSentAndWhatItBecomes(
        _ body: [UInt8],
        _ coding: ContentCoding,
        _ limit: Int,
        _ fits: Bool
    ) {
        do throws(ProtocolError) {
            _ = try decode(body, coding, partByteCount: 50, limit: limit)
            #expect(fits)
        } catch {
            #expect(!fits)
            #expect(error.code == .bodyTooLarge)
        }
    }

    @Test(
        arguments: [
            ([], .identity), ([""], .identity), (["identity"], .identity), (["gzip"], .gzip), (["X-GZIP"], .gzip),
            (["deflate"], .deflate), (["identity, gzip"], .gzip), (["gzip", "identity"], .gzip), (["br"], nil),
            (["gzip, gzip"], nil), (["gzip", "deflate"], nil), (["zstd"], nil), (["gzip;q=1"], nil),
        ] as [([String], ContentCoding?)])
    func theHeaderNamesTheCoding(_ values: [String], _ coding: ContentCoding?) {
        do throws(ProtocolError) {
            let found = try ContentCoding(contentEncoding: values)
            #expect(found == coding)
        } catch {
            #expect(coding == nil)
            #expect(error.code == .contentEncodingUnknown)
            #expect(error.status.code == 415)
        }
    }
}
