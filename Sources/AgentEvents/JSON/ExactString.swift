#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A string that compares by its UTF-8 bytes. Swift's own comparison finds "é" equal however it is composed; in JSON the
/// two spellings are different keys and different values.
struct ExactString: Hashable {
    let string: String

    init(_ string: String) { self.string = string }

    static func == (one: ExactString, other: ExactString) -> Bool { areEqual(one.string, other.string) }

    func hash(into hasher: inout Hasher) { Self.hash(string, into: &hasher) }

    static func areEqual(_ one: String, _ other: String) -> Bool {
        let count = one.utf8.count
        guard count == other.utf8.count else { return false }
        guard count > 0 else { return true }
        let equal = one.utf8.withContiguousStorageIfAvailable { first in
            other.utf8.withContiguousStorageIfAvailable { second in
                guard let first = first.baseAddress, let second = second.baseAddress else { return false }
                return memcmp(first, second, count) == 0
            }
        }
        // Strings bridged from elsewhere have no contiguous storage.
        return equal.flatMap(\.self) ?? one.utf8.elementsEqual(other.utf8)
    }

    static func hash(_ string: String, into hasher: inout Hasher) {
        var string = string
        string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // No UTF-8 text has this byte, so one text cannot run into the next.
        hasher.combine(UInt8(0xFF))
    }
}
