internal import AgentEventsFiles
internal import ArgumentParser

/// The token that a command shows to a service.
struct GivenToken: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Sent as Authorization: Bearer. Not needed with serve --auth none. Others on this machine see it in the list of "
                + "processes, and not that of --token-file.",
            valueName: "token"))
    var token: String?

    @Option(help: ArgumentHelp("A file with the token, for its owner alone.", valueName: "file"))
    var tokenFile: String?

    func validate() throws {
        if token != nil, tokenFile != nil { throw ValidationError("give --token or --token-file, not both") }
    }

    var isGiven: Bool { token != nil || tokenFile != nil }

    /// - Returns: `nil` when none is given.
    func text() throws -> String? {
        guard let tokenFile else { return token }
        let bytes: [UInt8]
        do throws(ConfiguredFile.ReadingError) {
            bytes = try ConfiguredFile.read(tokenFile, maximumByteCount: 65_536, isSecret: true)
        } catch {
            throw ProgramExit.usage("--token-file: \(error.message)")
        }
        let text = String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
        guard !text.isEmpty else { throw ProgramExit.usage("--token-file: the file \(tokenFile) is empty") }
        return text
    }
}
