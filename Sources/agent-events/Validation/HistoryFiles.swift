internal import AgentEvents
internal import AgentEventsChecks
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
    /// - Throws: ``InputError`` when a file cannot be read, or a line is not a record, or there is nothing to check.
    func check(policy: OrderPolicy, checksQueue: Bool) throws(InputError) -> HistoryCheck {
        var check = HistoryCheck(policy: policy, checksQueue: checksQueue)
        let files = try files()
        guard !files.isEmpty else {
            throw InputError(message: "there is no file *.ndjson in \(path): nothing was checked")
        }
        for file in files {
            let reader = try LineReader(path: file)
            while let line = try reader.next() {
                guard !line.isBlank else { continue }
                do throws(WireError) {
                    check.receive(try HistoryRecord(parsing: line.bytes), at: "\(file):\(line.number)")
                } catch {
                    throw InputError(message: "\(file):\(line.number): \(error)")
                }
            }
        }
        guard !check.isEmpty else {
            let name = LineReader.name(of: path)
            let records = check.recordCount == 1 ? "1 record" : "\(check.recordCount) records"
            throw InputError(
                message: "there is no event in the \(records) of \(name): nothing was checked")
        }
        return check
    }
}
