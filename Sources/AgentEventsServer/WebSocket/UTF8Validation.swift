/// Whether bytes are UTF-8.
enum UTF8Validation {
    static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        let isASCII = bytes.withContiguousStorageIfAvailable { buffer in
            var index = 0
            let raw = UnsafeRawBufferPointer(buffer)
            while index + 8 <= raw.count {
                guard raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 else {
                    return false
                }
                index += 8
            }
            return raw[index...].allSatisfy { $0 < 0x80 }
        }
        return isASCII == true || String(validating: bytes, as: UTF8.self) != nil
    }
}
