internal import AgentEventsFiles

/// Something that the doctor looked at.
struct Finding: Hashable {
    enum Level: String, Hashable {
        case good = "ok"
        /// The service runs, but not for long, or not well.
        case warning
        /// The service does not start, or is not safe.
        case problem
    }

    let level: Level
    /// What was found.
    let text: String
    /// What to do; empty when that is nothing.
    let advice: String

    static func good(_ text: String) -> Finding { Finding(level: .good, text: text, advice: "") }
    static func warning(_ text: String, _ advice: String) -> Finding {
        Finding(level: .warning, text: text, advice: advice)
    }
    static func problem(_ text: String, _ advice: String) -> Finding {
        Finding(level: .problem, text: text, advice: advice)
    }

    var line: String {
        let mark = level.rawValue + String(repeating: " ", count: 8 - level.rawValue.count)
        return advice.isEmpty ? "\(mark) \(text)" : "\(mark) \(text)\n         \(advice)"
    }
}

/// What the doctor makes of what it finds. Nothing here asks the system.
enum Diagnosis {
    /// A file or a folder as the system has it.
    struct Place: Hashable {
        var path: String
        var isFolder: Bool
        var isWritable: Bool
        /// The nine bits of rights.
        var mode: UInt16
        /// The number of the user whose it is.
        var owner: UInt32
        /// The number of the user of this process.
        var user: UInt32
    }

    /// - Parameters:
    ///   - place: `nil` when there is none.
    ///   - parentIsWritable: whether it could be made.
    static func dataFolder(_ path: String, _ place: Place?, parentIsWritable: Bool) -> [Finding] {
        guard let place else {
            return parentIsWritable
                ? [.good("the data folder \(path) is made at the start")]
                : [
                    .problem(
                        "there is no data folder \(path), and it cannot be made", "make it, and give it to this user")
                ]
        }
        guard place.isFolder else { return [.problem("\(path) is no folder", "choose another --data")] }
        var findings: [Finding] = []
        if !place.isWritable {
            findings.append(
                .problem("this user may not write to the data folder \(path)", "chown it to the user of the service"))
        }
        if place.mode & 0o077 != 0 {
            findings.append(
                .warning(
                    "other users may look into the data folder \(path), in which all events are", "chmod 700 \(path)"))
        }
        return findings.isEmpty ? [.good("the data folder \(path) is this user's, and writable")] : findings
    }

    static func disk(_ space: DiskSpace?, of path: String) -> Finding {
        guard let space else {
            return .warning("the system does not say how full the disk of \(path) is", "look with df")
        }
        let percent = Int(space.freeFraction * 100)
        let text = "\(percent) % of the disk of \(path) is free, \(space.free >> 20) MiB"
        if space.free < 64 << 20 || percent < 2 {
            return .problem(text, "make room, or set --retain-bytes; a full disk ends the service")
        }
        return percent < 10 ? .warning(text, "make room, or set --retain-bytes") : .good(text)
    }

    /// - Parameter limit: `nil` when the system does not say.
    static func descriptors(_ limit: Int?) -> Finding {
        guard let limit else {
            return .warning("the system does not say how many files may be open", "look with ulimit -n")
        }
        let text = "\(limit) files and connections may be open"
        return limit < 4096
            ? .warning(text, "raise it: ulimit -Hn, or LimitNOFILE= in the unit; each client takes one") : .good(text)
    }

    /// - Parameters:
    ///   - year: of the system's clock.
    ///   - secondsBehindFiles: how much later than now a file was written; `nil` without files.
    static func clock(year: Int, secondsBehindFiles: Int64?) -> Finding {
        // Before this there was no such program.
        if year < 2026 {
            return .problem("the clock says it is \(year)", "set it: tokens and the age of events depend on it")
        }
        if let secondsBehindFiles, secondsBehindFiles > 60 {
            return .problem(
                "the clock is \(secondsBehindFiles) s behind the last write to the data folder",
                "set it, and let it follow a time server: chrony, ntpd, systemd-timesyncd")
        }
        return .good("the clock says it is \(year), and is not behind the data folder")
    }

    /// - Parameter error: why nobody can listen there; `nil` when it can be done.
    static func port(_ name: String, _ host: String, _ port: Int, error: String?) -> Finding {
        guard let error else { return .good("\(name): \(host):\(port) is free") }
        return .problem(
            "\(name): \(host):\(port) cannot be listened on: \(error)", "stop what is there, or choose another")
    }

    /// - Parameters:
    ///   - place: `nil` when there is none.
    ///   - byteCount: without a line end.
    ///   - minimum: how many bytes it has at least.
    static func secret(
        _ option: String, _ path: String, _ place: Place?, byteCount: Int?, minimum: Int = 16
    ) -> [Finding] {
        guard let place, let byteCount else {
            return [.problem("--\(option): the file \(path) cannot be read", "give this user the right to read it")]
        }
        var findings: [Finding] = []
        if let problem = ConfiguredFile.secrecyProblem(
            of: path, mode: UInt32(place.mode), owner: place.owner, user: place.user)
        {
            findings.append(.problem("--\(option): \(problem)", "the service does not start with it"))
        }
        if byteCount < minimum {
            findings.append(
                .problem(
                    "--\(option): \(path) has \(byteCount) bytes, and needs \(minimum)",
                    "make one: (umask 077; head -c \(max(32, minimum)) /dev/urandom | base64 -w 0 > \(path))"))
        }
        guard findings.isEmpty else { return findings }
        if place.user == 0 {
            return [
                .warning(
                    "--\(option): root may read \(path); the user of the service may not be able to",
                    "run the doctor as that user, or give the file to a group of the service: chmod 640 \(path)")
            ]
        }
        return [.good("--\(option): \(path) is for this user only")]
    }

    /// - Parameters:
    ///   - isSafe: whether nobody on the way can read what is sent.
    ///   - error: why nobody answers there; `nil` when somebody does.
    static func collector(_ url: String, port: Int, isSafe: Bool, error: String?) -> Finding {
        if port == 4317 {
            return .warning(
                "traces go to \(url), and 4317 is the port of OTLP over gRPC",
                "set the one of OTLP over HTTP, mostly 4318")
        }
        if let error {
            return .warning(
                "traces go to \(url), where nobody answers: \(error)",
                "start the collector; the service runs without it")
        }
        return isSafe
            ? .good("traces go to \(url), and somebody answers there")
            : .warning(
                "traces go to \(url) without encryption: ids and names can be read on the way",
                "use https://, or a collector on this machine")
    }

    static func certificate(until end: String, secondsLeft: Int64) -> Finding {
        let text = "the certificate and its key belong together, until \(end)"
        guard secondsLeft > 0 else {
            return .problem(
                "the certificate has ended, on \(end)", "exchange the files: no client connects until then")
        }
        return secondsLeft < 14 * 86_400 ? .warning(text, "exchange the files, and reload the service") : .good(text)
    }

    /// - Parameters:
    ///   - isLoopback: whether only this machine reaches the host.
    ///   - hasProxies: whether somebody in front is trusted, who may encrypt.
    static func encryption(_ host: String, isLoopback: Bool, hasTLS: Bool, hasProxies: Bool) -> Finding {
        if hasTLS { return .good("connections are encrypted") }
        if isLoopback { return .good("connections stay in this machine") }
        if hasProxies { return .good("connections come from a proxy, which encrypts them: this service does not") }
        return .warning(
            "tokens cross the network at \(host) as they are, and whoever reads one may use it",
            "set --tls-certificate and --tls-key, or --trusted-proxy for the proxy in front that encrypts")
    }

    /// - Parameter isSafe: whether nobody on the way can read what is sent.
    static func webhook(isSafe: Bool, host: String) -> Finding {
        isSafe
            ? .good("events that go to the webhook can be read by nobody on the way")
            : .warning(
                "the events that go to the webhook at \(host) cross the network as they are: everybody on the way can read them",
                "begin --webhook with https://")
    }

    /// - Parameter host: where the listener for metrics is.
    static func metrics(_ host: String) -> Finding {
        .good(
            "the metrics are for everybody who reaches \(host); they have no ids and no contents: let the network admit Prometheus "
                + "alone")
    }

    /// - Parameter hasAudience: whether tokens have to be for this service.
    static func audience(hasAudience: Bool, keys: String) -> Finding {
        hasAudience
            ? .good("only tokens that are for this service count (--jwt-audience)")
            : .warning(
                "tokens that the issuer of \(keys) makes for other services count here too: no --jwt-audience is asked of them",
                "set --jwt-audience to what stands in aud of the tokens for this service")
    }

    /// - Parameters:
    ///   - problem: why others than its owner may read the events in it, or there can be none; `nil` when all is well.
    ///   - foreign: why another user than this one may read them; `nil` when that is not so.
    ///   - user: the number of the user of this process.
    static func fileSink(_ path: String, problem: String?, foreign: String?, user: UInt32) -> Finding {
        let advice = "the service does not start with it"
        if let problem { return .problem("--file-sink: \(problem)", advice) }
        guard let foreign else { return .good("--file-sink: \(path) is for this user only") }
        // Root looks at the files of the service, too.
        return user == 0
            ? .warning("--file-sink: \(foreign)", "run the doctor as the user of the service, whose it may be")
            : .problem("--file-sink: \(foreign)", advice)
    }

    /// The keys of tokens.
    ///
    /// - Parameters:
    ///   - place: the file or the address.
    ///   - count: how many can be used; `nil` when there is no set of keys.
    ///   - problems: why there is none, or why others are not used.
    static func keys(_ place: String, count: Int?, problems: [String]) -> [Finding] {
        guard let count, count > 0 else {
            return [
                .problem(
                    "there is no key of tokens at \(place): \(problems.joined(separator: "; "))",
                    "it is a JWK set with the public keys of the issuer, for signatures")
            ]
        }
        let found = Finding.good("tokens are checked with \(count) keys of \(place)")
        return [found]
            + problems.map {
                .warning("\(place): \($0)", "its tokens are refused; have its issuer mend it")
            }
    }

    /// - Parameters:
    ///   - count: of the entries of the audit trail; `nil` when it cannot be read.
    ///   - fault: the first line that is not what was written, in words.
    static func audit(_ path: String, count: Int64?, fault: String?) -> Finding {
        guard let count else {
            return .problem("the audit trail \(path) cannot be read", "give this user the right to read it")
        }
        guard let fault else { return .good("the audit trail has \(count) entries, and its chain is whole") }
        return .warning(
            "the audit trail is not what was written: \(fault)",
            "find out who has changed it; a crash in the middle of a line does that too. agent-events audit \(path)")
    }

    /// Files with events that other users may read.
    static func files(_ places: [Place]) -> Finding {
        let open = places.filter { $0.mode & 0o077 != 0 }
        guard let first = open.first else { return .good("the files of events are for this user only") }
        return .warning(
            "other users may read \(open.count) files of events, such as \(first.path)", "chmod -R go= the data folder")
    }
}
