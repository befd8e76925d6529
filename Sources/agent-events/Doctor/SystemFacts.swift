internal import AgentEventsServer
internal import Foundation
internal import NIOCore
internal import NIOPosix

/// What the doctor asks the system.
enum SystemFacts {
    /// - Returns: `nil` when there is nothing.
    static func place(_ path: String) -> Diagnosis.Place? {
        guard let attributes = attributes(of: path), let type = attributes[.type] as? FileAttributeType,
            let mode = attributes[.posixPermissions] as? NSNumber,
            let owner = attributes[.ownerAccountID] as? NSNumber
        else { return nil }
        return Diagnosis.Place(
            path: path, isFolder: type == .typeDirectory, isWritable: access(path, W_OK) == 0,
            mode: mode.uint16Value & 0o777, owner: owner.uint32Value, user: geteuid())
    }

    /// Those of the file that a link stands for.
    private static func attributes(of path: String) -> [FileAttributeKey: Any]? {
        try? FileManager.default.attributesOfItem(
            atPath: URL(fileURLWithPath: path).resolvingSymlinksInPath().path)
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
        files(below: folder).compactMap { place in
            (attributes(of: place.path)?[.modificationDate] as? Date).map { Int64($0.timeIntervalSince1970) }
        }.max()
    }

    /// - Returns: why nobody can listen there, in the words of the service; `nil` when it can be done.
    static func problem(listeningOn host: String, _ port: Int) -> String? {
        do {
            let channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port).wait()
            try channel.close().wait()
            return nil
        } catch {
            return ServiceError(listeningOn: host, port: port, error)?.message ?? "\(error)"
        }
    }

    /// - Returns: why nobody can be reached there, in the words of the system; `nil` when somebody can.
    static func problem(connectingTo host: String, _ port: Int) -> String? {
        do {
            let channel = try ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(.seconds(3)).connect(host: host, port: port).wait()
            try channel.close().wait()
            return nil
        } catch {
            return "\(error)"
        }
    }
}
