import AgentEvents

/// The rules of a zone as they stand in a file of the time zone database (TZif, RFC 9636): the turns of its clocks one by one,
/// and a rule for the time after the last of them.
package struct ZoneFile: ZoneRules, Hashable {
    /// The times at which clocks were turned, in their order.
    private var turns: [Int64] = []
    /// The offset from each of them on.
    private var offsets: [Int64] = []
    /// The offset before the first one.
    private var firstOffset: Int64 = 0
    private var tail: ZoneTail?

    /// - Returns: `nil` for bytes that are no such file.
    package init?(_ bytes: [UInt8]) {
        var reader = Reader(bytes: bytes)
        guard let first = Header(&reader) else { return nil }
        guard first.version >= UInt8(ascii: "2") else {
            guard readTurns(&reader, first, timeSize: 4) else { return nil }
            return
        }
        // The numbers of the first part are too small for most years; the second part says the same in full.
        guard reader.skip(first.byteCount(timeSize: 4)), let second = Header(&reader),
            readTurns(&reader, second, timeSize: 8), let rule = reader.footer()
        else { return nil }
        guard !rule.isEmpty else { return }
        guard let tail = ZoneTail(rule) else { return nil }
        self.tail = tail
    }

    package func offset(at second: Int64) -> Int64 {
        let next = turns.partitioningIndex { $0 > second }
        if next == turns.endIndex, let tail { return tail.offset(at: second) }
        return next == 0 ? firstOffset : offsets[next - 1]
    }

    private mutating func readTurns(_ reader: inout Reader, _ header: Header, timeSize: Int) -> Bool {
        guard header.typeCount > 0, header.byteCount(timeSize: timeSize) <= reader.leftCount else { return false }
        for _ in 0..<header.timeCount {
            guard let time = reader.integer(byteCount: timeSize), turns.last.map({ $0 < time }) ?? true else {
                return false
            }
            turns.append(time)
        }
        let kinds = reader.take(header.timeCount)
        var ofKind: [Int64] = []
        for _ in 0..<header.typeCount {
            guard let offset = reader.integer(byteCount: 4), abs(offset) < 26 * 3600, reader.skip(2) else {
                return false
            }
            ofKind.append(offset)
        }
        for kind in kinds {
            guard Int(kind) < ofKind.count else { return false }
            offsets.append(ofKind[Int(kind)])
        }
        firstOffset = ofKind[0]
        return reader.skip(header.restByteCount(timeSize: timeSize))
    }

    /// The numbers of things in a part of the file.
    private struct Header {
        var version: UInt8
        var isUTCCount = 0
        var isStandardCount = 0
        var leapCount = 0
        var timeCount = 0
        var typeCount = 0
        var textByteCount = 0

        init?(_ reader: inout Reader) {
            guard reader.take(4).elementsEqual("TZif".utf8), let version = reader.take(1).first, reader.skip(15),
                let counts = reader.counts(6)
            else { return nil }
            self.version = version
            (isUTCCount, isStandardCount, leapCount) = (counts[0], counts[1], counts[2])
            (timeCount, typeCount, textByteCount) = (counts[3], counts[4], counts[5])
        }

        func byteCount(timeSize: Int) -> Int {
            timeCount * (timeSize + 1) + typeCount * 6 + restByteCount(timeSize: timeSize)
        }

        func restByteCount(timeSize: Int) -> Int {
            textByteCount + leapCount * (timeSize + 4) + isStandardCount + isUTCCount
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var place = 0

        /// Far more things than any file has, so that sums of them are small.
        private static let maximumCount: Int64 = 65_536

        init(bytes: [UInt8]) { self.bytes = bytes }

        var leftCount: Int { bytes.count - place }

        /// - Returns: nothing where there are not as many.
        mutating func take(_ count: Int) -> ArraySlice<UInt8> {
            guard count <= leftCount else { return [] }
            defer { place += count }
            return bytes[place..<place + count]
        }

        mutating func skip(_ count: Int) -> Bool {
            guard count <= leftCount else { return false }
            place += count
            return true
        }

        /// A number with a sign, the highest byte first.
        mutating func integer(byteCount: Int) -> Int64? {
            guard byteCount <= leftCount else { return nil }
            let bits = take(byteCount).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
            let unused = UInt64(64 - 8 * byteCount)
            return Int64(bitPattern: bits << unused) >> Int64(unused)
        }

        mutating func counts(_ count: Int) -> [Int]? {
            var counts: [Int] = []
            for _ in 0..<count {
                guard let value = integer(byteCount: 4), (0...Self.maximumCount).contains(value) else { return nil }
                counts.append(Int(value))
            }
            return counts
        }

        /// The rule at the end, between two line feeds; empty for none.
        mutating func footer() -> String? {
            let text = take(leftCount)
            guard let first = text.first, let last = text.last, text.count >= 2, first == 10, last == 10 else {
                return nil
            }
            return String(decoding: text.dropFirst().dropLast(), as: UTF8.self)
        }
    }
}
