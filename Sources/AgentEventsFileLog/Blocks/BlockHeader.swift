/// The header before a block's records: 32 bytes, numbers little-endian.
struct BlockHeader: Hashable, Sendable {
    static let byteCount = 32
    /// The first bytes of blocks of this version. They change whenever blocks are written differently in any way.
    static let version = "AEB3"
    /// The versions that can be read. In AEB2, keys have no digest, and no run is hosted outside; all else is the same.
    static let readableVersions = ["AEB2", version]
    private static let magic: UInt32 = 0x3342_4541
    /// The bits of the flags.
    private static let endFlag: UInt32 = 1
    private static let encryptionFlag: UInt32 = 2
    private static let knownFlags = endFlag | encryptionFlag
    /// The first bytes of blocks of any version.
    private static let family = "AEB"

    /// The size of the records.
    var contentByteCount: Int
    /// The generation of the events in it.
    var generation: UInt64
    /// Up to where the log was on the disk when the block was written.
    var synced: Int64
    /// Whether the commit ends with this block. The blocks of a commit count only together.
    var endsCommit: Bool
    /// Whether the contents of its events are encrypted. There is room for it; this program neither writes nor reads such blocks.
    var isEncrypted = false
    var checksum: UInt32
    /// The first bytes of the block, by which its version is known.
    private var magic = Self.magic

    /// The whole block.
    var blockByteCount: Int { Self.byteCount + contentByteCount }

    init(contentByteCount: Int, generation: UInt64, synced: Int64, endsCommit: Bool) {
        self.contentByteCount = contentByteCount
        self.generation = generation
        self.synced = synced
        self.endsCommit = endsCommit
        checksum = 0
    }

    /// Reads a header; `nil` when it cannot be one.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.byteCount else { return nil }
        magic = Self.number(bytes, 0, as: UInt32.self)
        guard Self.isReadable(magic: magic) else { return nil }
        let flags = Self.number(bytes, 24, as: UInt32.self)
        guard flags & ~Self.knownFlags == 0 else { return nil }
        contentByteCount = Int(Self.number(bytes, 4, as: UInt32.self))
        generation = Self.number(bytes, 8, as: UInt64.self)
        synced = Int64(bitPattern: Self.number(bytes, 16, as: UInt64.self))
        endsCommit = flags & Self.endFlag != 0
        isEncrypted = flags & Self.encryptionFlag != 0
        checksum = Self.number(bytes, 28, as: UInt32.self)
    }

    /// The version of a block of another version that begins with `bytes`; `nil` when they do not begin such a block.
    static func otherVersion(_ bytes: UnsafeRawBufferPointer, at position: Int64) -> String? {
        guard bytes.count >= byteCount, bytes.starts(with: family.utf8) else { return nil }
        let found = String(decoding: bytes[..<version.utf8.count], as: UTF8.self)
        // A version ends with a digit or a letter. The loss of power may leave the first bytes of a block, and zeros behind.
        let versionBytes = UInt8(ascii: "0")...UInt8(ascii: "z")
        guard !readableVersions.contains(found), versionBytes.contains(bytes[version.utf8.count - 1]) else {
            return nil
        }
        // One of a version that can be read is one, whatever became of its first bytes.
        var block = [UInt8](bytes)
        for version in readableVersions {
            block.replaceSubrange(..<version.utf8.count, with: version.utf8)
            let isOurs = block.withUnsafeBytes { block in
                guard let header = BlockHeader(block), header.blockByteCount <= block.count else { return false }
                return header.isIntact(UnsafeRawBufferPointer(rebasing: block[..<header.blockByteCount]), at: position)
            }
            if isOurs { return nil }
        }
        return found
    }

    /// The first position at which a header could begin.
    static func firstOffset(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= byteCount else { return nil }
        return (0...bytes.count - byteCount).first { isReadable(magic: number(bytes, $0, as: UInt32.self)) }
    }

    private static func isReadable(magic: UInt32) -> Bool { magic == Self.magic || magic == 0x3242_4541 }

    private static func number<Number: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer,
        _ offset: Int,
        as type: Number.Type
    ) -> Number {
        Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
    }

    /// Writes the header of the block that `bytes` are, with its checksum.
    ///
    /// - Parameter position: where the block will be.
    func seal(_ bytes: UnsafeMutableRawBufferPointer, at position: Int64) {
        bytes.storeBytes(of: magic.littleEndian, toByteOffset: 0, as: UInt32.self)
        bytes.storeBytes(of: UInt32(contentByteCount).littleEndian, toByteOffset: 4, as: UInt32.self)
        bytes.storeBytes(of: generation.littleEndian, toByteOffset: 8, as: UInt64.self)
        bytes.storeBytes(of: synced.littleEndian, toByteOffset: 16, as: Int64.self)
        bytes.storeBytes(of: flags.littleEndian, toByteOffset: 24, as: UInt32.self)
        let checksum = checksum(of: UnsafeRawBufferPointer(bytes), at: position)
        bytes.storeBytes(of: checksum.littleEndian, toByteOffset: 28, as: UInt32.self)
    }

    /// Whether the block that `bytes` are is what was written at a position.
    func isIntact(_ bytes: UnsafeRawBufferPointer, at position: Int64) -> Bool {
        checksum(of: bytes, at: position) == checksum
    }

    private func checksum(of bytes: UnsafeRawBufferPointer, at position: Int64) -> UInt32 {
        let content = UnsafeRawBufferPointer(rebasing: bytes[Self.byteCount..<blockByteCount])
        return Checksum.of(content, seed: seed(at: position))
    }

    /// The seed of the checksum, which depends on the version, the place, and the rest of the header.
    private func seed(at position: Int64) -> UInt64 {
        var seed = (UInt64(bitPattern: position) ^ UInt64(magic) << 32) &* 0xD6E8_FEB8_6659_FD93 ^ generation
        seed = seed &* 0xA24B_AED4_963E_E407 ^ UInt64(bitPattern: synced)
        return seed &* 0x9FB2_1C65_1E98_DF25 ^ UInt64(flags)
    }

    private var flags: UInt32 { (endsCommit ? Self.endFlag : 0) | (isEncrypted ? Self.encryptionFlag : 0) }
}
