internal import AgentEventsHub
internal import Foundation

/// The files of an audit trail: the one that is written, and beside it those that are full, `audit-000001.ndjson` and so on, in the
/// order in which they were. One chain goes through all of them.
struct AuditPieces {
    /// The one that is written.
    let path: String

    private var folder: String {
        let folder = (path as NSString).deletingLastPathComponent
        return folder.isEmpty ? "." : folder
    }

    private var stem: String { ((path as NSString).lastPathComponent as NSString).deletingPathExtension }

    private func number(of name: String) -> Int? {
        guard name.hasPrefix("\(stem)-"), name.hasSuffix(".ndjson") else { return nil }
        let digits = name.dropFirst(stem.count + 1).dropLast(".ndjson".count)
        return digits.count == 6 && digits.allSatisfy(\.isNumber) ? Int(digits) : nil
    }

    /// The numbers of the full ones, rising.
    private var numbers: [Int] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap(number).sorted()
    }

    private func path(of number: Int) -> String {
        let digits = String(number)
        return "\(folder)/\(stem)-\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits).ndjson"
    }

    /// The full ones.
    var full: [String] { numbers.map(path(of:)) }

    /// All that there are, in their order.
    var all: [String] { full + (FileManager.default.fileExists(atPath: path) ? [path] : []) }

    /// The name for the one that is written, once it is full.
    var next: String { path(of: (numbers.last ?? 0) + 1) }

    /// A line that is not what was written.
    struct Fault: Hashable {
        var path: String
        /// Its number in the file, from 1.
        var line: Int
        var problem: String
    }

    /// Checks the chain in some of the files.
    ///
    /// - Parameter begins: whether the first line is to be the first one of the chain; it is believed otherwise.
    /// - Returns: the chain after the last line; `nil` for a file that cannot be read.
    static func check(_ paths: [String], begins: Bool) -> (chain: AuditChain, faults: [Fault])? {
        var chain = AuditChain()
        var faults: [Fault] = []
        var isFirst = true
        for path in paths {
            guard let data = FileManager.default.contents(atPath: path) else { return nil }
            for (index, line) in AuditFile.lines(Array(data)).enumerated() {
                if isFirst, !begins, let earlier = AuditChain(before: line) { chain = earlier }
                isFirst = false
                guard let problem = chain.check(line) else { continue }
                faults.append(Fault(path: path, line: index + 1, problem: problem))
            }
        }
        return (chain, faults)
    }
}
