import NIOHTTP1

/// The limits of the head of an HTTP request; a larger one is answered with 431.
package enum HTTPLimits {
    /// The longest value of a header, and the longest path with its query, in bytes.
    package static let fieldByteCount = 16 * 1024
    /// The most bytes of the path and all headers.
    package static let headByteCount = 32 * 1024
    /// The most headers.
    package static let fieldCount = 64

    static var decoder: NIOHTTPDecoderLimitConfiguration {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = fieldByteCount
        limits.maxHeaderListSize = headByteCount
        limits.maxHeaderFieldCount = fieldCount
        return limits
    }
}
