import AgentEventsFiles
import Synchronization

/// The rules of zones from the files of the time zone database on this machine: package `tzdata` on most. Without them there is
/// UTC, and no other zone.
///
/// A zone is read once; rules that change with an update of the files count from the next start on.
package final class ZoneFolder: ZoneSource {
    /// The places where systems have them.
    package static let usualPaths = [
        "/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo",
    ]
    /// The files have up to 4 KiB.
    private static let maximumByteCount = 64 * 1024
    private static let maximumNameByteCount = 64

    private let paths: [String]
    private let known = Mutex<[String: ZoneFile]>([:])

    /// - Parameter paths: the folders to look into, in their order.
    package init(paths: [String] = usualPaths) { self.paths = paths }

    package func rules(named name: String) -> (any ZoneRules)? {
        if let utc = UTCOnly().rules(named: name) { return utc }
        if let known = known.withLock({ $0[name] }) { return known }
        guard Self.isName(name) else { return nil }
        for path in paths {
            // One that is not there is no error: it may be in the next folder.
            guard
                let bytes = try? ConfiguredFile.read(
                    "\(path)/\(name)", maximumByteCount: Self.maximumByteCount, isSecret: false),
                let file = ZoneFile(bytes)
            else { continue }
            // Bounded by the number of files.
            known.withLock { $0[name] = file }
            return file
        }
        return nil
    }

    /// Whether a name leads to a file below the folder, and to no other.
    private static func isName(_ name: String) -> Bool {
        guard (1...maximumNameByteCount).contains(name.utf8.count) else { return false }
        return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty
                && part.utf8.allSatisfy { byte in
                    (48...57).contains(byte) || (65...90).contains(byte & ~0x20) || byte == UInt8(ascii: "_")
                        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
                }
        }
    }
}
