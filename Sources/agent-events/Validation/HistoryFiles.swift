internal import AgentEvents
internal import Foundation

/// Reads a history: a file of records, or a folder of such files, and checks it.
struct HistoryFiles {
    let path: String

    /// The file, or the files of the folder whose names end with `.ndjson`, in the order of their names.
    private func files() throws(InputError) -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            return [path]
        }
        do {
            let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
            return names.filter { $0.hasSuffix(".ndjson") }.map { "\(path)/\($0)" }
        } catch {
            throw InputError(message: "\(path) cannot be read: \(error.localizedDescription)")
        }
    }

    /// Reads all records.
    ///
    /// - Throws: ``InputError`` when a file cannot be read, or a line is no record.
    func check(policy: OrderPolicy) throws(InputError) -> HistoryCheck {
        var check = HistoryCheck(policy: policy)
        for file in try files() {
            let reader = try LineReader(path: file)
            while let line = try reader.next() {
                guard !line.bytes.isEmpty else { continue }
                do throws(WireError) {
                    check.receive(try HistoryRecord(parsing: line.bytes), at: "\(file):\(line.number)")
                } catch {
                    throw InputError(message: "\(file):\(line.number): \(error)")
                }
            }
        }
        return check
    }
}
