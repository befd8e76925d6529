import AgentEvents
import AgentEventsFiles

/// The files of a backup, and how a folder is made that has its name only when it is whole.
///
///     <name>.partial ──(all files are on the disk)──> renamed to <name> ──(the name is on the disk)──> done
///           └──(an error)──> removed     └──(a crash)──> stays: its name says that it is not whole
struct BackupFolder {
    /// The list of the files, with their sizes and checksums.
    static let manifest = "manifest.json"
    /// The hash of the manifest, as `sha256sum` writes it.
    static let seal = "manifest.sha256"
    static let index = "index.sqlite"
    /// The last event of each thread.
    static let heads = "heads.ndjson"
    static let blocks = "blocks"
    static let partialSuffix = ".partial"

    /// The path that it has in the end.
    let path: String
    let files: any FileSystem
    /// The path until then.
    var partial: String { path + Self.partialSuffix }

    init(_ path: String, in files: any FileSystem) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self.files = files
    }

    /// Makes the folder under its first name, with some in it.
    ///
    /// - Parameter mayBeEmpty: whether there may be an empty folder, whose place it takes.
    /// - Throws: `log.exists` when there is one already, with either name.
    func begin(with folders: [String], mayBeEmpty: Bool = false) throws(EventLogError) {
        if files.exists(path) {
            let names = try? files.names(inFolder: path)
            guard mayBeEmpty, names?.isEmpty == true else {
                throw EventLogError(
                    .exists,
                    "there is \(path) already; \(mayBeEmpty ? "a new or empty folder" : "another name") is needed")
            }
        }
        guard !files.exists(partial) else {
            throw EventLogError(
                .exists,
                "\(partial) is there: it was begun and is not whole, or is being made; another name is needed, or remove it if "
                    + "nobody makes it")
        }
        do throws(EventLogError) {
            try make(folders)
        } catch {
            abandon(with: folders)
            throw error
        }
    }

    private func make(_ folders: [String]) throws(EventLogError) {
        try logErrors("making", partial) { () throws(FileError) in
            // The names of all that are made on the way have to be on the disk, too.
            var made: [String] = []
            var parent = Self.parent(of: path)
            while parent != "/", parent != ".", !files.exists(parent) {
                made.append(parent)
                parent = Self.parent(of: parent)
            }
            try files.createFolder(partial)
            for folder in folders { try files.createFolder("\(partial)/\(folder)") }
            for folder in made { try files.openFolder(Self.parent(of: folder)).synchronize() }
        }
    }

    /// Gives it its name, once all its files are on the disk.
    func finish(with folders: [String]) throws(EventLogError) {
        try logErrors("making", path) { () throws(FileError) in
            for folder in folders { try files.openFolder("\(partial)/\(folder)").synchronize() }
            try files.openFolder(partial).synchronize()
            try files.rename(partial, to: path)
            try files.openFolder(Self.parent(of: path)).synchronize()
        }
    }

    /// Removes what was made of it, as far as that is possible.
    func abandon(with folders: [String]) {
        for folder in folders.map({ "\(partial)/\($0)" }) + [partial] {
            for name in (try? files.names(inFolder: folder)) ?? [] { try? files.remove("\(folder)/\(name)") }
            try? files.removeFolder(folder)
        }
    }

    static func parent(of path: String) -> String {
        guard let last = path.lastIndex(of: "/") else { return "." }
        return last == path.startIndex ? "/" : String(path[..<last])
    }
}
