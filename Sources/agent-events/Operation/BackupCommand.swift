internal import AgentEvents
internal import AgentEventsFileLog
internal import AgentEventsServer
internal import ArgumentParser
internal import Foundation

/// Makes backups of a log, looks at them, and makes logs of them.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Make, verify and restore backups.",
        discussion: """
            Example:
              agent-events backup create --url http://127.0.0.1:8081 --name monday
              agent-events backup verify data/backups/monday
              agent-events backup restore data/backups/monday --data new-data
            """,
        subcommands: [Create.self, Verify.self, Restore.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Copy the log of a service that runs, or of one that does not.",
            discussion: """
                With --url the service makes it, in its --backup-folder, while it takes and delivers events. With --data it is made of \
                the folder of a service that does not run, into the folder --to.

                Example:
                  agent-events backup create --url http://127.0.0.1:8081 --name monday --token-file admin.token
                  agent-events backup create --data data --to /backups/monday
                """)

        @Option(
            help: ArgumentHelp(
                "The listener for operators of a service that runs (serve --internal-listen), such as http://127.0.0.1:8081.",
                valueName: "url"))
        var url: String?

        @OptionGroup
        var token: GivenToken

        @Option(help: ArgumentHelp("The name of the backup. Default: the time.", valueName: "name"))
        var name: String?

        @Option(help: ArgumentHelp("The data folder of a service that does not run.", valueName: "folder"))
        var data: String?

        @Option(help: ArgumentHelp("The folder to make with --data.", valueName: "folder"))
        var to: String?

        func validate() throws {
            guard (url == nil) != (data == nil) else {
                throw ValidationError("give --url for a service that runs, or --data for one that does not")
            }
            guard (data == nil) == (to == nil) else { throw ValidationError("--data and --to belong together") }
            guard data == nil || (name == nil && !token.isGiven) else {
                throw ValidationError("--name and --token belong to --url")
            }
        }

        @concurrent
        func run() async throws {
            if let url {
                let token = try token.text()
                do throws(BackupRequest.Failure) {
                    let answer = try await BackupRequest(url: url, token: token, name: name).send()
                    try? StandardOutput.write(answer.encoded())
                } catch {
                    let text = Self.text(for: error, hasToken: token != nil)
                    throw error.status == nil ? ProgramExit.unavailable(text) : ProgramExit.wrong(text)
                }
                return
            }
            guard let data, let to else { return }
            BackupCommand.prepare()
            let path = "\(data)/events.sqlite"
            guard FileManager.default.fileExists(atPath: path) else {
                throw ProgramExit.unavailable("\(data) is no data folder: there is no \(path)")
            }
            try await BackupCommand.reportingErrors {
                let log = FileEventLog(path: path)
                _ = try await log.open()
                let backup = try await log.backUp(to: to)
                try await log.close()
                try StandardOutput.write("\(backup.folder): \(BackupCommand.text(backup))")
            }
        }

        /// A refusal in words of the command line.
        private static func text(for failure: BackupRequest.Failure, hasToken: Bool) -> String {
            switch failure.status {
            case 401 where !hasToken: ClientFailure.missingToken
            // It is on no other listener.
            case 404: "\(failure); --url is that of the listener for operators (serve --internal-listen)"
            default: "\(failure)"
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Read all of a backup, and say what is damaged.",
            discussion: """
                Needs no service, and changes nothing. Names each file that is not what it was, and the place in it. Exit code 1: \
                something is wrong.

                Example:
                  agent-events backup verify data/backups/monday
                """)

        @Argument(help: "The folder of the backup.")
        var folder: String

        @concurrent
        func run() async throws {
            try await BackupCommand.reportingErrors {
                let report = try FileLogBackup(folder: folder).verify()
                for problem in report.problems { try StandardOutput.write("\(problem)") }
                guard report.problems.isEmpty, let backup = report.backup else { throw ExitCode(1) }
                try StandardOutput.write("\(folder) is whole: \(BackupCommand.text(backup))")
            }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restore",
            abstract: "Make a new data folder of a backup.",
            discussion: """
                Verifies the backup first. The folder must not be there, or be empty; it has its name when all is in it. Clients \
                that have seen later events than those of the backup are told reset, reason diverged, and load the state anew. \
                Exit code 1: the backup is damaged.

                Example:
                  agent-events backup restore data/backups/monday --data new-data && agent-events serve --data new-data
                """)

        @Argument(help: "The folder of the backup.")
        var folder: String

        @Option(help: ArgumentHelp("The data folder to make.", valueName: "folder"))
        var data: String

        @concurrent
        func run() async throws {
            BackupCommand.prepare()
            try await BackupCommand.reportingErrors {
                let backup = try FileLogBackup(folder: folder).restore(to: data)
                try StandardOutput.write("\(data): \(BackupCommand.text(backup))")
            }
        }
    }

    private static func prepare() {
        // A file that may not grow (RLIMIT_FSIZE) is an error, and not the end of the process.
        signal(SIGXFSZ, SIG_IGN)
        // What is written is for this user only: events are in all of it.
        umask(0o077)
    }

    private static func text(_ backup: LogBackup) -> String {
        "\(backup.threadCount) threads, \(backup.byteCount) bytes in \(backup.fileCount) files, of \(backup.time.rfc3339)"
    }

    /// Damage is something wrong; all else is unavailable.
    private static func reportingErrors(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as EventLogError {
            throw error.code == .corrupt ? ProgramExit.wrong("\(error)") : ProgramExit.unavailable("\(error)")
        } catch is OutputClosedError {
            // Nobody wants to know any longer.
        }
    }
}
