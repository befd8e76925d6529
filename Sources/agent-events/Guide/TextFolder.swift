internal import Foundation

/// A folder of text files, and never anything outside of it. Its methods block; see ``BlockingWork``.
package struct TextFolder: Sendable {
    /// The largest number of files in one search.
    package static let maximumFileCount = 20_000
    package static let maximumByteCount = 1024 * 1024
    private static let maximumDepth = 32

    /// With all links resolved, without a slash at the end.
    package let root: String

    /// - Parameter path: a folder; relative to the current one.
    package init(path: String) {
        var resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        if resolved.count > 1, resolved.hasSuffix("/") { resolved.removeLast() }
        root = resolved
    }

    /// Whether the folder is one.
    package var exists: Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: root, isDirectory: &isFolder) && isFolder.boolValue
    }

    /// The paths of all files that may be text, relative to the folder, in order. Hidden files and folders are left
    /// out, and what is larger than 1 MiB.
    package func files() -> [String] {
        var found: [String] = []
        collect(folder: "", depth: 0, into: &found)
        return found
    }

    private func collect(folder: String, depth: Int, into found: inout [String]) {
        let manager = FileManager.default
        let absolute = folder.isEmpty ? root : "\(root)/\(folder)"
        // A folder that may not be listed is passed over, as a search of a person's own files does.
        guard depth < Self.maximumDepth, let names = try? manager.contentsOfDirectory(atPath: absolute) else { return }
        for name in names.sorted() where !name.hasPrefix(".") && found.count < Self.maximumFileCount {
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            guard let attributes = try? manager.attributesOfItem(atPath: "\(root)/\(path)") else { continue }
            switch attributes[.type] as? FileAttributeType {
            case .typeDirectory:
                collect(folder: path, depth: depth + 1, into: &found)
            case .typeRegular:
                if let size = attributes[.size] as? NSNumber, size.intValue <= Self.maximumByteCount {
                    found.append(path)
                }
            case .typeSymbolicLink:
                if (try? location(of: path)) != nil { found.append(path) }
            default:
                break
            }
        }
    }

    /// Reads a file.
    ///
    /// - Parameter path: relative to the folder.
    /// - Throws: ``TextFolderError``.
    package func text(of path: String) throws -> String {
        let location = try location(of: path)
        guard let contents = FileManager.default.contents(atPath: location) else {
            let reason: TextFolderError.Reason =
                FileManager.default.fileExists(atPath: location) ? .isUnreadable : .isMissing
            throw TextFolderError(reason: reason, path: path)
        }
        guard !contents.prefix(8192).contains(0), let text = String(bytes: contents, encoding: .utf8) else {
            throw TextFolderError(reason: .isNoText, path: path)
        }
        return text
    }

    /// Whether a file is binary, going by a zero byte at its beginning. `false` when it cannot be read.
    package func isBinary(_ path: String) -> Bool {
        guard let location = try? location(of: path), let handle = FileHandle(forReadingAtPath: location) else {
            return false
        }
        let beginning = try? handle.read(upToCount: 8192)
        // Nothing was written, so there is nothing that a failing close could lose.
        try? handle.close()
        return beginning?.contains(0) ?? false
    }

    /// The reason to ask a person before a file is read; `nil` when there is none, or the file cannot be read. Only its name
    /// and its size are looked at.
    ///
    /// - Parameter path: relative to the folder.
    package func concern(about path: String) -> ReadingConcern? {
        guard let location = try? location(of: path),
            let size = try? FileManager.default.attributesOfItem(atPath: location)[.size] as? NSNumber
        else { return nil }
        let names = [path, location].map { String($0.split(separator: "/").last ?? "") }
        return ReadingConcern(names: names, byteCount: size.intValue)
    }

    /// The real path of a file.
    private func location(of path: String) throws -> String {
        let manager = FileManager.default
        let resolved = URL(fileURLWithPath: "\(root)/\(path)").resolvingSymlinksInPath().path
        let prefix = root == "/" ? root : root + "/"
        guard resolved.hasPrefix(prefix), !resolved.split(separator: "/").contains("..") else {
            throw TextFolderError(reason: .isOutside, path: path)
        }
        guard let attributes = try? manager.attributesOfItem(atPath: resolved) else {
            throw TextFolderError(reason: .isMissing, path: path)
        }
        guard attributes[.type] as? FileAttributeType == .typeRegular else {
            throw TextFolderError(reason: .isNoFile, path: path)
        }
        guard let size = attributes[.size] as? NSNumber, size.intValue <= Self.maximumByteCount else {
            throw TextFolderError(reason: .isTooLarge, path: path)
        }
        return resolved
    }
}
