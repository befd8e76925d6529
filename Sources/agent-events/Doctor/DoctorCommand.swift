internal import AgentEvents
internal import AgentEventsFiles
internal import AgentEventsHub
internal import AgentEventsServer
internal import AgentEventsTokens
internal import AgentEventsTracing
internal import ArgumentParser
internal import Foundation

/// Looks at all that `serve` needs, before it is started or while it runs.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what would keep serve from running well.",
        // Without this, the options of serve bring its name with them.
        usage: "agent-events doctor [<options>]",
        discussion: """
            Takes the options of serve, its environment and its file, and says of each thing that it looks at if it is well, and \
            what to do if not. Run it as the user of the service. With --running the ports are to be taken, not free. Exit code \
            1: something is wrong.

            Example:
              agent-events doctor --config agent-events.yaml
            """)

    @Flag(help: "The service runs: its ports are taken by it.")
    var running = false

    @OptionGroup
    var serve: ServeCommand

    @concurrent
    func run() async throws {
        var findings = [Finding.good("the settings are as they should be"), accessFinding]
        findings += dataFindings
        findings.append(Diagnosis.descriptors(DescriptorLimit.raised()))
        let now = WallClock.system.now()
        findings.append(
            Diagnosis.clock(
                year: Int(now.rfc3339.prefix(4)) ?? 0,
                secondsBehindFiles: SystemFacts.newestWrite(below: serve.folder).map { $0 - now.milliseconds / 1000 }))
        findings += portFindings
        findings += serve.exposure + secretFindings + certificateFindings + collectorFindings + sinkFindings
        if serve.auth == .jwt { findings += await keyFindings }
        for finding in findings { try StandardOutput.write(finding.line) }
        if findings.contains(where: { $0.level == .problem }) { throw ExitCode(1) }
    }

    private var dataFindings: [Finding] {
        guard !serve.inMemory else {
            return [.warning("events are kept in memory", "they are lost at a stop: set --data")]
        }
        let folder = serve.folder
        let parent = URL(fileURLWithPath: folder).deletingLastPathComponent().path
        var findings = Diagnosis.dataFolder(
            folder, SystemFacts.place(folder), parentIsWritable: SystemFacts.canBeMade(folder))
        findings.append(Diagnosis.disk(DiskSpace(of: folder) ?? DiskSpace(of: parent), of: folder))
        let files = SystemFacts.files(below: folder)
        if !files.isEmpty { findings.append(Diagnosis.files(files)) }
        return findings + auditFindings
    }

    /// The settings that say who may use the service.
    private var accessFinding: Finding {
        do throws(ServiceError) {
            try serve.checkAccess()
        } catch {
            let advice =
                serve.isOpen
                ? "set --auth jwt with the keys of tokens, or --host 127.0.0.1"
                : "set --internal-listen to 127.0.0.1, and --metrics-listen for a Prometheus on another machine"
            return .problem(error.message, advice)
        }
        switch serve.auth {
        case .none: return .good("everybody on this machine may use it, as one user: there are no tokens (--auth none)")
        case .jwt: return .good("it takes tokens")
        }
    }

    private var certificateFindings: [Finding] {
        guard let certificate = serve.listen.tlsCertificate, let key = serve.listen.tlsKey else { return [] }
        do throws(ServiceError) {
            let pair = try ServerCertificate(certificatePath: certificate, keyPath: key)
            let left = pair.validUntil.milliseconds / 1000 - WallClock.system.now().milliseconds / 1000
            return [Diagnosis.certificate(until: pair.validUntil.rfc3339, secondsLeft: left)]
        } catch {
            return [.problem(error.message, "give the files of one pair, in PEM form")]
        }
    }

    private var sinkFindings: [Finding] {
        guard let path = serve.sinks.fileSink else { return [] }
        let user = geteuid()
        let placeProblem = isMadeWithData(path) ? nil : ConfiguredFile.placeProblem(ofEventsAt: path)
        return [
            Diagnosis.fileSink(
                path, problem: ConfiguredFile.privacyProblem(ofEventsAt: path) ?? placeProblem,
                foreign: ConfiguredFile.privacyProblem(ofEventsAt: path, user: user), user: user)
        ]
    }

    /// Whether the folder of a file is made at the start, with the data folder.
    private func isMadeWithData(_ path: String) -> Bool {
        guard !serve.inMemory, SystemFacts.place(serve.folder) == nil else { return false }
        let data = URL(fileURLWithPath: serve.folder).standardizedFileURL.path
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().standardizedFileURL.path
        return data == folder || data.hasPrefix("\(folder)/")
    }

    private var collectorFindings: [Finding] {
        do throws(OTLPError) {
            guard let endpoint = try serve.traces.endpoint() else { return [] }
            return [
                Diagnosis.collector(
                    endpoint.url, port: endpoint.port, isSafe: endpoint.isEncrypted || endpoint.isLoopback,
                    error: SystemFacts.problem(connectingTo: endpoint.host, endpoint.port))
            ]
        } catch {
            return [.problem(error.message, "correct the setting")]
        }
    }

    /// Those of a set, which is read or fetched as `serve` does; a secret is looked at as a file.
    private var keyFindings: [Finding] {
        get async {
            guard let place = serve.tokens.jwks ?? serve.tokens.jwksURL else { return [] }
            do {
                let set =
                    serve.tokens.jwks == nil
                    ? try await KeySet(fetchedFrom: place, issuer: serve.tokens.jwtIssuer)
                    : try await KeySet(file: place, issuer: serve.tokens.jwtIssuer)
                return Diagnosis.keys(place, count: set.keys.count, problems: set.problems)
            } catch {
                return Diagnosis.keys(place, count: nil, problems: ["\(error)"])
            }
        }
    }

    private var auditFindings: [Finding] {
        let path = "\(serve.folder)/audit.ndjson"
        let pieces = AuditPieces(path: path).all
        guard !pieces.isEmpty else { return [] }
        let checked = AuditPieces.check(pieces, begins: false)
        let fault = checked?.faults.first.map { "\($0.path), line \($0.line): \($0.problem)" }
        return [Diagnosis.audit(path, count: checked?.chain.count, fault: fault)]
    }

    /// The least number of bytes of a secret.
    private func minimum(of option: String) -> Int {
        switch option {
        case "jwt-secret-file": serve.tokens.jwtAlgorithm?.hashByteCount ?? 32
        case "link-secret-file": 32
        // Whether they are headers is told with the collector.
        case "otlp-headers-file": 0
        case "model-key-file": 1
        default: 16
        }
    }

    private var portFindings: [Finding] {
        guard !running else { return [] }
        var places: [(String, String, Int)] = []
        if case .host(let host, let port) = serve.address { places.append(("the service", host, port)) }
        if let address = serve.operation.internalListen {
            places.append(("the internal listener", address.host, address.port))
        }
        if let address = serve.operation.metricsListen {
            places.append(("the listener for metrics", address.host, address.port))
        }
        return places.filter { $0.2 != 0 }.map { name, host, port in
            Diagnosis.port(name, host, port, error: SystemFacts.problem(listeningOn: host, port))
        }
    }

    /// Each option that names a file with a secret, as the table of settings has them.
    private var secretFindings: [Finding] {
        guard let settings = try? ProgramArguments.settings(of: ProgramArguments.given) else { return [] }
        let shown = ShownSettings(settings, commandLine: ProgramArguments.given)
        return SettingTable.serve.settings.filter {
            $0.name.hasSuffix("secret-file") || ["tls-key", "otlp-headers-file", "model-key-file"].contains($0.name)
        }.flatMap { setting in
            shown.texts(of: setting).flatMap { path in
                let data = FileManager.default.contents(atPath: path)
                let count = data.map { $0.reversed().drop { $0 == 0x0A || $0 == 0x0D }.count }
                return Diagnosis.secret(
                    setting.name, path, SystemFacts.place(path), byteCount: count, minimum: minimum(of: setting.name))
            }
        }
    }
}
