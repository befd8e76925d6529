import NIOHTTP1

/// The limits of an HTTP request: a head that is larger is answered with 431, a request that takes longer to come with 408.
package enum HTTPLimits {
    /// The longest value of a header, and the longest path with its query, in bytes.
    package static let fieldByteCount = 16 * 1024
    /// The most bytes of the path and all headers.
    package static let headByteCount = 32 * 1024
    /// The most headers.
    package static let fieldCount = 64

    /// The times for the head and the body of a request.
    ///
    /// - Parameter headSeconds: the time for a head.
    static func times(headSeconds: Int64) -> RequestTimeStateMachine.Limits {
        var limits = RequestTimeStateMachine.Limits()
        limits.head = headSeconds * 1000
        return limits
    }

    static var decoder: NIOHTTPDecoderLimitConfiguration {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = fieldByteCount
        limits.maxHeaderListSize = headByteCount
        limits.maxHeaderFieldCount = fieldCount
        return limits
    }
}
