import Foundation
import Testing

/// `token check` by the settings of a service.
struct TokenCheckTests {
    private static func token(_ folder: TemporaryFolder, _ further: [String]) async throws -> String {
        let made = try await Program.run(
            ["token", "make", "--user", "u_1", "--secret-file", "\(folder.path)/secret"] + further)
        #expect(made.status == 0, "\(made)")
        return try #require(made.lines.first)
    }

    /// A folder with a secret, and a file of settings of `serve` that names it.
    private static func withSettings(
        _ further: String = "",
        _ body: (_ folder: TemporaryFolder, _ path: String) async throws -> Void
    ) async throws {
        try await TemporaryFolder.with { folder in
            let secret = try folder.write("secret", String(repeating: "s", count: 40))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secret)
            let settings = """
                in-memory: true
                listen: 127.0.0.1:0
                auth: jwt
                jwt-secret-file: \(secret)
                jwt-issuer: https://login.example.com
                jwt-audience: [chat, other]
                retain-age: 3d

                """
            try await body(folder, try folder.write("settings.yaml", settings + further))
        }
    }

    @Test func theFileOfSettingsSaysWhatCounts() async throws {
        try await Self.withSettings { folder, path in
            let issuer = ["--issuer", "https://login.example.com"]
            let good = try await Self.token(folder, issuer + ["--audience", "chat"])
            let taken = try await Program.run(["token", "check", "--config", path], input: good)
            #expect(taken.status == 0 && taken.lines.contains("user     u_1"), "\(taken)")
            for further in [issuer, issuer + ["--audience", "foreign"], ["--audience", "chat"]] {
                let other = try await Self.token(folder, further)
                let refused = try await Program.run(["token", "check", "--config", path, other])
                #expect(refused.status == 1 && refused.error.contains("auth.invalid"), "\(further): \(refused)")
            }
            // The command line stands over the file.
            let foreign = try await Self.token(folder, issuer + ["--audience", "foreign"])
            let given = try await Program.run(
                ["token", "check", "--jwt-audience", "foreign", "--config", path], input: foreign)
            #expect(given.status == 0, "\(given)")
        }
    }

    /// The service has a secret for them in its data folder, unless another one is set.
    @Test func aShareLinkCountsAsItDoesThere() async throws {
        try await TemporaryFolder.with { folder in
            let link = try await TokenService.with(in: folder) { stage in
                try await stage.emitAsOwner()
                let link = try await stage.makeLink(try await stage.token("owner"))
                #expect(try await stage.read(link) == 200)
                return link
            }
            let data = "\(folder.path)/data"
            let tokens = "auth: jwt\njwt-secret-file: \(folder.path)/secret\n"
            func check(_ further: String, _ token: String = link) async throws -> Program.Outcome {
                let path = try folder.write("check.yaml", tokens + further)
                return try await Program.run(["token", "check", "--config", path], input: token)
            }
            let taken = try await check("data: \(data)\n")
            #expect(taken.status == 0 && taken.output.contains("owner~t"), "\(taken)")
            // Those have no secret, or another one.
            for further in ["in-memory: true\n", "data: \(folder.path)/nowhere\n"] {
                let refused = try await check(further)
                #expect(refused.status == 1 && refused.error.contains("share links"), "\(further): \(refused)")
            }
            try TokenService.writeSecret(String(repeating: "o", count: 40), "other", in: folder)
            let foreign = try await check("data: \(data)\nlink-secret-file: \(folder.path)/other\n")
            #expect(foreign.status == 1, "\(foreign)")
            // A secret that cannot be used is told, and keeps no other token from being checked.
            let secret = "\(data)/link-secret"
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: secret)
            let other = try await Self.token(folder, [])
            let unaffected = try await check("data: \(data)\n", other)
            #expect(unaffected.status == 0 && unaffected.error.contains("chmod 600 \(secret)"), "\(unaffected)")
            let unknown = try await check("data: \(data)\n")
            #expect(unknown.status == 1 && unknown.error.contains("chmod 600 \(secret)"), "\(unknown)")
        }
    }

    @Test func whatServeRefusesIsRefused() async throws {
        for (further, words) in [
            ("jwt-algorithm: none", "settings.yaml, line 8"), ("jwt-isuer: x", "jwt-issuer is probably"),
        ] {
            try await Self.withSettings(further) { _, path in
                let refused = try await Program.run(["token", "check", "--config", path, "a.b.c"])
                #expect(refused.status == 64 && refused.error.contains(words), "\(refused)")
            }
        }
    }

    /// They are fetched as a service does; where they cannot be, nothing is said of the token.
    @Test func keysAtAnAddressAreFetched() async throws {
        let head = Data(#"{"alg":"RS256","kid":"k"}"#.utf8).base64EncodedString()
        let body = Data(#"{"sub":"u_1","exp":9999999999,"aud":"chat"}"#.utf8).base64EncodedString()
        let token = "\(head).\(body).c2ln".filter { $0 != "=" }
        let outcome = try await Program.run([
            "token", "check", "--jwks-url", "https://127.0.0.1:1/keys", "--jwt-audience", "chat", token,
        ])
        #expect(outcome.status == 69 && outcome.error.contains("auth.unavailable"), "\(outcome)")
    }
}
