internal import Foundation
internal import NIOCore
internal import NIOPosix

/// What the doctor asks the system.
enum SystemFacts {
    /// - Returns: `nil` when there is nothing.
    static func place(_ path: String) -> Diagnosis.Place? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Diagnosis.Place(
            path: path, isFolder: status.st_mode & S_IFMT == S_IFDIR, isWritable: access(path, W_OK) == 0,
            mode: UInt16(truncatingIfNeeded: status.st_mode & 0o777), isOwn: status.st_uid == geteuid())
    }

    /// Whether a folder that is not there could be made, with those above it.
    static func canBeMade(_ path: String) -> Bool {
        var url = URL(fileURLWithPath: path)
        while url.path != "/" {
            url = url.deletingLastPathComponent()
            if let place = place(url.path) { return place.isFolder && place.isWritable }
        }
        return false
    }

    /// The files below a folder.
    static func files(below folder: String) -> [Diagnosis.Place] {
        guard let names = FileManager.default.enumerator(atPath: folder) else { return [] }
        return names.compactMap { $0 as? String }.compactMap { place("\(folder)/\($0)") }.filter { !$0.isFolder }
    }

    /// When a file in a folder was written last, in seconds since 1970; `nil` when there is none.
    static func newestWrite(below folder: String) -> Int64? {
        files(below: folder).compactMap { place -> Int64? in
            var status = stat()
            guard stat(place.path, &status) == 0 else { return nil }
            #if canImport(Darwin)
                return Int64(status.st_mtimespec.tv_sec)
            #else
                return Int64(status.st_mtim.tv_sec)
            #endif
        }.max()
    }

    /// - Returns: why nobody can listen there, in the words of the system; `nil` when it can be done.
    static func problem(listeningOn host: String, _ port: Int) -> String? {
        do {
            let channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port).wait()
            try channel.close().wait()
            return nil
        } catch {
            return "\(error)"
        }
    }
}
