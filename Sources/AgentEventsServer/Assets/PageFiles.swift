import CPage

/// The files for browsers that are in the program: the JavaScript client, and pages.
struct PageFiles: Sendable {
    /// Those of `Page`. They are compressed once in a process, when its first service adds its routes.
    static let all = PageFiles(embedded)

    /// By their paths on the service, without the slash in front.
    private let files: [String: PageFile]

    init(_ files: [PageFile]) {
        self.files = Dictionary(uniqueKeysWithValues: files.map { (Self.place(of: $0.path), $0) })
    }

    /// - Parameter path: a path on the service, without the slash in front.
    subscript(path: String) -> PageFile? { files[path] }

    var paths: [String] { files.keys.sorted() }

    /// The path on the service of a file in the folder: the page is the start of the service, and what stands beside no
    /// other file in a folder of its own is the client.
    private static func place(of path: String) -> String {
        switch path {
        case "inspector/index.html": ""
        case let path where path.contains("/"): path
        default: "client/\(path)"
        }
    }

    /// The files of the folder. The bytes are constants of the program.
    private static var embedded: [PageFile] {
        var count = 0
        guard let first = cpage_files(&count) else { return [] }
        return UnsafeBufferPointer(start: first, count: count).map { file in
            PageFile(
                path: String(cString: file.path),
                bytes: Array(UnsafeBufferPointer(start: file.bytes, count: file.count)))
        }
    }
}
