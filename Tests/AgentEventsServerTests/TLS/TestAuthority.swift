import Foundation

/// An authority that signs certificates, by the program openssl.
struct TestAuthority {
    let folder: String
    let name: String

    /// The file with its own certificate.
    var file: String { "\(folder)/\(name).pem" }

    init(_ name: String, in folder: String) throws {
        self.folder = folder
        self.name = name
        try Self.run(
            folder,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout \(name).key -out \(name).pem -days 30 "
                + "-subj /CN=\(name)")
    }

    /// A certificate for a name or an address, and its key.
    ///
    /// - Parameters:
    ///   - file: the name of both files, without what they end with; an older pair is replaced.
    ///   - days: from now, for how long it is valid; one that has expired when negative.
    func issue(_ file: String, for subject: String, days: Int = 30) throws -> (certificate: String, key: String) {
        try Data("subjectAltName=\(subject)\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/extensions"))
        try Self.run(
            folder,
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout \(file).key -out \(file).csr -subj /CN=x"
        )
        try Self.run(
            folder,
            "x509 -req -in \(file).csr -CA \(name).pem -CAkey \(name).key -CAcreateserial -days \(days) "
                + "-extfile extensions -out \(file).pem")
        return ("\(folder)/\(file).pem", "\(folder)/\(file).key")
    }

    private struct Failure: Error {
        let arguments: String
        let output: String
    }

    /// Not by Foundation's `Process`, which takes no other thread of the process beside it.
    private static func run(_ folder: String, _ arguments: String) throws {
        guard let pipe = popen("cd '\(folder)' && openssl \(arguments) 2>&1", "r") else {
            throw Failure(arguments: arguments, output: "no process: \(errno)")
        }
        var output: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&part, 1, part.count, pipe), count > 0 { output += part[..<count] }
        guard pclose(pipe) == 0 else {
            throw Failure(arguments: arguments, output: String(decoding: output, as: UTF8.self))
        }
    }
}
