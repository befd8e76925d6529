import Crypto
import NIOCore

/// A file for browsers, as it is sent.
struct PageFile: Sendable {
    /// One of its codings.
    struct Representation: Sendable {
        let coding: ContentCoding
        let body: ByteBuffer
        /// A strong entity tag (RFC 9110, section 8.8.3), by the content.
        let tag: String
    }

    /// Its path in the folder.
    let path: String
    let mediaType: String
    /// As it is.
    let plain: Representation
    /// `nil` when it would not be smaller.
    let compressed: Representation?

    init(path: String, bytes: [UInt8]) {
        self.path = path
        mediaType = Self.mediaType(of: path)
        let digest = SHA256.hash(data: bytes).prefix(16)
            .map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
        plain = Representation(coding: .identity, body: ByteBuffer(bytes: bytes), tag: "\"\(digest)\"")
        let gzipped = Gzip.compressed(bytes)
        compressed =
            gzipped.count < bytes.count
            ? Representation(coding: .gzip, body: ByteBuffer(bytes: gzipped), tag: "\"\(digest)-gzip\"") : nil
    }

    var isDocument: Bool { path.hasSuffix(".html") }

    private static func mediaType(of path: String) -> String {
        switch path.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "js", "mjs": "text/javascript; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "ts": "application/typescript; charset=utf-8"
        case "json": "application/json"
        case "ndjson": "application/x-ndjson"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "txt", "md": "text/plain; charset=utf-8"
        default: "application/octet-stream"
        }
    }
}
