import AgentEventsHub
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import Testing

@testable import AgentEventsServer

/// Files for browsers, from the program.
struct PageRouteTests {
    private static var folder: URL {
        URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../Sources/AgentEventsServer/Page").standardizedFileURL
    }

    /// Tells Node that the files of the folder are modules, and is not served.
    private static let manifest = "package.json"

    @Test func filesInTheProgramAreThoseOfTheFolder() throws {
        let found = try #require(FileManager.default.enumerator(atPath: Self.folder.path))
        var count = 0
        for case let path as String in found {
            let url = Self.folder.appending(path: path)
            guard path != Self.manifest else { continue }
            guard try url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true else { continue }
            count += 1
            let place =
                path == "inspector/index.html" ? "" : path.contains("/") ? path : "client/\(path)"
            let file = try #require(PageFiles.all[place], "run .ci/page: \(path) is not in the program")
            let isSame = try Data(contentsOf: url).elementsEqual(file.plain.body.readableBytesView)
            #expect(isSame, "\(path) in the program is another one")
        }
        #expect(PageFiles.all.paths.count == count, "run .ci/page: there are files in the program that are gone")
        #expect(count >= 4)
    }

    @Test(arguments: [
        ("agent-events.js", "text/javascript; charset=utf-8"),
        ("agent-events.d.ts", "application/typescript; charset=utf-8"),
        ("agent-events-threads.js", "text/javascript; charset=utf-8"),
        ("agent-events-threads.d.ts", "application/typescript; charset=utf-8"),
        ("agent-events-chat-transport.js", "text/javascript; charset=utf-8"),
        ("agent-events-chat-transport.d.ts", "application/typescript; charset=utf-8"),
    ])
    func clientIsServed(_ name: String, _ type: String) async throws {
        try await withRunningService { service in
            let text = try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
            let answer = try await service.client.get("/client/\(name)")
            #expect(answer.status == 200)
            #expect(answer.body == text)
            #expect(answer.headers["content-type"] == type)
            #expect(answer.headers["content-encoding"] == nil)
            #expect(answer.headers["cache-control"] == "no-cache")
            #expect(answer.headers["vary"] == "Accept-Encoding")
            #expect(answer.headers["x-content-type-options"] == "nosniff")
            #expect(answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'")
            let isModule = name.hasSuffix(".js")
            #expect(answer.headers["x-typescript-types"] == (isModule ? "./\(name.dropLast(3)).d.ts" : nil))
            let head = try await service.client.send("HEAD", "/client/\(name)")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(head.headers["content-length"] == "\(text.utf8.count)")
            #expect(head.headers["etag"] == answer.headers["etag"])
        }
    }

    @Test func aFileThatTheBrowserHasIsNotSentAgain() async throws {
        try await withRunningService { service in
            let path = "/client/agent-events.js"
            let plain = try #require(try await service.client.get(path).headers["etag"])
            let gzip = ["Accept-Encoding": "gzip, br"]
            let compressed = try #require(try await service.client.send("HEAD", path, headers: gzip).headers["etag"])
            #expect(plain != compressed)
            for (named, headers, status) in [
                (plain, [:], 304), ("W/\(plain)", [:], 304), ("\"x\", \(plain)", [:], 304), ("*", [:], 304),
                ("\"x\"", [:], 200), (compressed, [:], 200), (compressed, gzip, 304), (plain, gzip, 200),
            ] {
                for method in ["GET", "HEAD"] {
                    let answer = try await service.client.send(
                        method, path, headers: headers.merging(["If-None-Match": named]) { $1 })
                    #expect(answer.status == status, "\(named) \(headers)")
                    #expect(answer.headers["etag"] == (headers.isEmpty ? plain : compressed))
                    #expect(answer.headers["cache-control"] == "no-cache")
                    #expect(answer.headers["vary"] == "Accept-Encoding")
                    if status == 304 { #expect(answer.body.isEmpty) }
                }
            }
        }
    }

    @Test func compressedFileIsTheFile() throws {
        for path in PageFiles.all.paths {
            let file = try #require(PageFiles.all[path])
            // A short file does not become smaller.
            guard let compressed = file.compressed else {
                #expect(file.plain.body.readableBytes < 1000)
                continue
            }
            let inflater = Inflater(.gzip)
            var bytes: [UInt8] = []
            try inflater.append(compressed.body.readableBytesView, to: &bytes, maximumByteCount: 1 << 24)
            #expect(inflater.hasEnded)
            #expect(bytes == Array(file.plain.body.readableBytesView))
            #expect(compressed.body.readableBytes < file.plain.body.readableBytes)
        }
        #expect(PageFile(path: "a.txt", bytes: [0x61]).compressed == nil)
        #expect(PageFile(path: "a.txt", bytes: []).compressed == nil)
    }

    @Test func sizeOfACompressedAnswerIsThatOfTheFile() async throws {
        try await withRunningService { service in
            let file = try #require(PageFiles.all["client/agent-events.js"]?.compressed)
            let answer = try await service.client.send(
                "HEAD", "/client/agent-events.js", headers: ["Accept-Encoding": "gzip"])
            #expect(answer.headers["content-encoding"] == "gzip")
            #expect(answer.headers["content-length"] == "\(file.body.readableBytes)")
            #expect(answer.headers["content-type"] == "text/javascript; charset=utf-8")
        }
    }

    /// A page uses what comes from its own service, makes no script out of a text, and stands in no frame.
    @Test func aPageHasItsPolicy() throws {
        let page = PageRoute(
            files: PageFiles([
                PageFile(path: "inspector/index.html", bytes: Array("<p>".utf8)),
                PageFile(path: "inspector/style.css", bytes: Array("p {}".utf8)),
            ]))
        let request = Request(
            head: HTTPRequest(method: .get, scheme: "http", authority: "127.0.0.1", path: "/"),
            body: RequestBody(buffer: ByteBuffer()))
        let document = try page.respond(to: request, at: "")
        #expect(document.headers[.contentType] == "text/html; charset=utf-8")
        let policy = try #require(document.headers[.contentSecurityPolicy])
        #expect(!policy.contains("unsafe"))
        #expect(
            policy.split(separator: "; ").map(String.init) == [
                "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
                "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
                "require-trusted-types-for 'script'", "trusted-types 'none'",
            ])
        let style = try page.respond(to: request, at: "inspector/style.css")
        #expect(style.headers[.contentType] == "text/css; charset=utf-8")
        #expect(style.headers[.contentSecurityPolicy] == nil)
        #expect(throws: (any Error).self) { try page.respond(to: request, at: "inspector/index.html") }
    }

    @Test func examplesAreServed() async throws {
        try await withRunningService { service in
            for (name, type) in [
                ("plain.html", "text/html"), ("plain.js", "text/javascript"), ("react.html", "text/html"),
            ] {
                let answer = try await service.client.get("/examples/\(name)")
                #expect(answer.status == 200)
                #expect(answer.headers["content-type"] == "\(type); charset=utf-8")
                let isPage = type == "text/html"
                #expect(answer.headers["content-security-policy"]?.contains("script-src 'self'") == isPage)
            }
        }
    }

    @Test(arguments: [
        "/client", "/client/", "/client/x.js", "/client/../client/agent-events.js", "/client/%61gent-events.js/x",
        "/client/AGENT-EVENTS.JS", "/agent-events.js", "/client/agent-events.js/", "/examples/agent-events.js",
    ])
    func otherPathsHaveNoFile(_ path: String) async throws {
        try await withRunningService { service in
            let answer = try await service.client.get(path)
            // A slash at the end of a path says nothing to the router.
            let isFile = path == "/client/agent-events.js/"
            #expect(answer.status == (isFile ? 200 : 404))
            if !isFile { #expect(try answer.errorCode == "path.unknown") }
        }
    }

    @Test(arguments: ["/", "/client/agent-events.js"])
    func anotherNameOfTheServiceAndAForeignPageAreRefused(_ path: String) async throws {
        try await withRunningService { service in
            let rebound = try await service.client.get(path, headers: ["Host": "evil.example"])
            #expect(rebound.status == 403)
            #expect(try rebound.errorCode == "origin.host_forbidden")
            let foreign = try await service.client.get(path, headers: ["Origin": "https://evil.example"])
            #expect(try foreign.errorCode == "origin.forbidden")
            #expect(try await service.client.post(path, "{}").status == 405)
        }
    }

    @Test func aPageOfAnAllowedOriginGetsTheClient() async throws {
        try await withRunningService {
            $0.allowedOrigins = ["https://a.example"]
        } _: { service in
            let answer = try await service.client.get(
                "/client/agent-events.js", headers: ["Origin": "https://a.example"])
            #expect(answer.status == 200)
            #expect(answer.headers["access-control-allow-origin"] == "https://a.example")
            #expect(answer.headers["vary"] == "Accept-Encoding, Origin")
        }
    }

    @Test(arguments: [
        ([], false), (["gzip"], true), (["GZIP"], true), (["x-gzip"], true), (["deflate, br"], false), (["*"], true),
        (["*;q=0"], false), (["gzip;q=0"], false), (["gzip; q=0.5"], true), (["gzip ;q=0.0, *"], false),
        (["br", "gzip"], true), (["identity"], false), (["gzip;q=2"], false), (["gzip;x=1"], false),
        (["gzip;q="], false), ([",, ;"], false), (["*;q=0, gzip"], true),
    ])
    func codingsThatAreAccepted(_ values: [String], _ takesGzip: Bool) {
        let codings = AcceptedCodings(values)
        #expect(codings.contains(.gzip) == takesGzip)
        #expect(codings.contains(.identity))
    }
}
