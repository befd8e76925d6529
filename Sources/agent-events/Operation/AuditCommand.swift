internal import AgentEventsHub
internal import ArgumentParser
internal import Foundation

/// Checks the chain of an audit trail.
struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check that nobody has changed an audit file.",
        discussion: """
            Each line has the hash of the one before. Full files beside it (audit-000001.ndjson and so on) are checked with it, as \
            one chain. What was removed from the end is not found by this: keep the number of entries elsewhere. Exit code 1: a \
            line is not what was written.

            Example:
              agent-events audit data/audit.ndjson
              agent-events audit data/audit.ndjson --begins-later
            """)

    @Argument(help: "The file that is written.")
    var file: String

    @Flag(help: "The first files were moved away: believe the first line that is there.")
    var beginsLater = false

    func run() throws {
        guard FileManager.default.fileExists(atPath: file) else {
            throw ProgramExit.unavailable("there is no file \(file)")
        }
        let paths = AuditPieces(path: file).all
        guard let (chain, faults) = AuditPieces.check(paths, begins: !beginsLater) else {
            throw ProgramExit.unavailable("the file \(file), or one beside it, cannot be read")
        }
        for fault in faults {
            let place = paths.count > 1 ? "\(fault.path), line \(fault.line)" : "line \(fault.line)"
            try StandardOutput.write("\(place): \(fault.problem)")
        }
        guard faults.isEmpty else { throw ExitCode(1) }
        let files = paths.count > 1 ? " through \(paths.count) files" : ""
        try StandardOutput.write("\(chain.count) entries, and the chain is whole\(files)")
    }
}
