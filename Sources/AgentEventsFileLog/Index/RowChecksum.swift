import AgentEvents

/// The checksum of a row of the index, so that a damaged value is noticed where it is read. Chunks have their own, in the
/// body.
enum RowChecksum {
    /// So that a row of one table is not taken for another's.
    enum Table: UInt64 {
        case thread = 1
        case openRun, keyed, state, meta, removed, run, deleted, card
    }

    /// The texts of a tenant in a checksum. The default one has none, so that its rows have the checksum that they had before
    /// there were tenants.
    static func texts(of tenant: TenantID) -> [String] { tenant == .default ? [] : [tenant.rawValue] }

    /// - Parameters:
    ///   - numbers: the columns that are numbers, in order.
    ///   - texts: those that are texts.
    ///   - bytes: the one that is neither.
    static func of(_ table: Table, _ numbers: [UInt64], _ texts: [String] = [], bytes: [UInt8] = []) -> Int64 {
        var content: [UInt8] = []
        content.reserveCapacity(numbers.count * 10 + texts.reduce(0) { $0 + $1.utf8.count + 2 } + bytes.count)
        for number in numbers { content.append(number: number) }
        for text in texts { content.append(text: text) }
        content.append(contentsOf: bytes)
        return content.withUnsafeBytes { Int64(Checksum.of($0, seed: table.rawValue)) }
    }
}
