import Foundation

/// The memory that this process has in use.
enum ResidentMemory {
    /// In bytes; 0 where the system does not tell in `/proc`.
    static func ofThisProcess() -> Int {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
