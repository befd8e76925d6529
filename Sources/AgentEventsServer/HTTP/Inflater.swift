import CZlib

/// Decompresses gzip and deflate data that comes in parts, with zlib.
///
/// Several gzip members one after the other are one text (RFC 1952, section 2.2). Anything else that follows is an
/// error.
final class Inflater {
    enum Format {
        /// RFC 1952.
        case gzip
        /// RFC 1950, or RFC 1951 when the two bytes of its head are not there.
        case deflate
    }

    enum Failure: Error {
        /// It would become more than allowed.
        case tooLarge
        /// It ends too early.
        case truncated
        /// It is something else, or its checksum is not right.
        case damaged
        /// After its end comes something else.
        case trailing
    }

    private let format: Format
    /// Not in this object itself: zlib keeps the address of the stream, which must stay the same.
    private let stream: UnsafeMutablePointer<z_stream>
    private var isStarted = false
    /// The bytes that came before it was clear which kind of head there is.
    private var start: [UInt8] = []
    private var memberCount = 0
    /// Whether the data is whole, as far as it has come.
    private(set) var hasEnded = false
    private var chunk = [UInt8](repeating: 0, count: 32 * 1024)

    init(_ format: Format) {
        self.format = format
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
    }

    deinit {
        if isStarted { inflateEnd(stream) }
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// - Parameters:
    ///   - output: gets what the part becomes.
    ///   - maximumByteCount: how many bytes the output may have.
    func append(
        _ part: some Collection<UInt8>,
        to output: inout [UInt8],
        maximumByteCount: Int
    ) throws(Failure) {
        var input = start + part
        guard isStarted || input.count >= 2 else {
            start = input
            return
        }
        start = []
        if !isStarted { try begin(input[0], input[1]) }
        defer {
            stream.pointee.next_in = nil
            stream.pointee.next_out = nil
        }
        var failure: Failure?
        input.withUnsafeMutableBufferPointer { bytes in
            stream.pointee.next_in = bytes.baseAddress
            stream.pointee.avail_in = UInt32(bytes.count)
            do throws(Failure) {
                try inflateAll(to: &output, maximumByteCount)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// - Parameters: the first two bytes.
    private func begin(_ first: UInt8, _ second: UInt8) throws(Failure) {
        let windowBits: Int32 =
            switch format {
            // 16 asks for gzip's head, a negative number for none.
            case .gzip: 15 + 16
            case .deflate: Self.isZlibHead(first, second) ? 15 : -15
            }
        let code = inflateInit2_(stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(code == Z_OK, "zlib cannot be used: \(code)")
        isStarted = true
    }

    /// RFC 1950, section 2.2: the method is 8, and the two bytes are a multiple of 31.
    private static func isZlibHead(_ first: UInt8, _ second: UInt8) -> Bool {
        first & 0x0F == 8 && (UInt16(first) << 8 | UInt16(second)) % 31 == 0
    }

    /// Decompresses what `next_in` points to.
    private func inflateAll(to output: inout [UInt8], _ maximumByteCount: Int) throws(Failure) {
        while true {
            if hasEnded {
                guard stream.pointee.avail_in > 0 else { return }
                guard format == .gzip, inflateReset(stream) == Z_OK else { throw .trailing }
                hasEnded = false
                memberCount += 1
            }
            let code = try inflateChunk(to: &output, maximumByteCount)
            switch code {
            case Z_STREAM_END:
                hasEnded = true
            case Z_OK:
                // With room left in the chunk, everything that came is used up.
                if stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 { return }
            case Z_BUF_ERROR:
                // It asks for more.
                return
            default:
                throw memberCount > 0 ? .trailing : .damaged
            }
        }
    }

    private func inflateChunk(to output: inout [UInt8], _ maximumByteCount: Int) throws(Failure) -> Int32 {
        let capacity = chunk.count
        let code = chunk.withUnsafeMutableBufferPointer { buffer in
            stream.pointee.next_out = buffer.baseAddress
            stream.pointee.avail_out = UInt32(capacity)
            return inflate(stream, Z_NO_FLUSH)
        }
        let count = capacity - Int(stream.pointee.avail_out)
        guard output.count + count <= maximumByteCount else { throw .tooLarge }
        output.append(contentsOf: chunk[..<count])
        return code
    }
}
