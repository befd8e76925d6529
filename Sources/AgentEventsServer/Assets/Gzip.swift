import CZlib

/// Compression with zlib, of what is at hand as a whole.
enum Gzip {
    /// Bytes in the coding `gzip` (RFC 1952), as small as zlib makes them; the same for the same bytes.
    static func compressed(_ bytes: [UInt8]) -> [UInt8] {
        // zlib keeps the address of the stream, which must stay the same.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer { stream.deallocate() }
        let code = deflateInit2_(
            stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(code == Z_OK, "zlib cannot be used: \(code)")
        defer { deflateEnd(stream) }
        var input = bytes
        let bound = Int(deflateBound(stream, UInt(bytes.count)))
        return input.withUnsafeMutableBufferPointer { input in
            [UInt8](unsafeUninitializedCapacity: bound) { output, count in
                stream.pointee.next_in = input.baseAddress
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                precondition(deflate(stream, Z_FINISH) == Z_STREAM_END, "the bound of zlib is one")
                count = bound - Int(stream.pointee.avail_out)
            }
        }
    }
}
