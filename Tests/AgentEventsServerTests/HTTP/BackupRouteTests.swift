import AgentEvents
import AgentEventsFileLog
import AgentEventsHub
import AgentEventsProtocol
import Foundation
import Hummingbird
import Testing

@testable import AgentEventsServer

/// `POST /v1/admin/backups`
@Suite(.timeLimit(.minutes(10))) struct BackupRouteTests {
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("agent-events-\(UUID().uuidString)")
            .path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    @Test func operatorsMakeBackups() async throws {
        try await withFolder { folder in
            let log = FileEventLog(path: folder + "/data/events.sqlite")
            try await withRunningService(
                log: log, authenticator: NamingAuthenticator(),
                configure: { configuration in
                    configuration.internalAddress = InternalAddress(port: 0)
                    configuration.backupFolder = folder + "/backups"
                }
            ) { service in
                let operators = try #require(service.operators)
                let admin = ["Authorization": "Bearer u_1/admin"]
                func make(_ body: String, _ headers: [String: String]) async throws -> (status: Int, body: String) {
                    let answer = try await operators.post("/v1/admin/backups", body, headers: headers)
                    return (answer.status, answer.body)
                }
                #expect(try await make("", [:]).status == 401)
                #expect(try await make("", ["Authorization": "Bearer u_1"]).status == 403)
                #expect(!FileManager.default.fileExists(atPath: folder + "/backups"))
                let made = try await make(#"{"name":"monday"}"#, admin)
                #expect(made.status == 201 && made.body.contains(#""folder":"\#(folder)/backups/monday""#), "\(made)")
                #expect(try FileLogBackup(folder: folder + "/backups/monday").verify().problems == [])
                let again = try await make(#"{"name":"monday"}"#, admin)
                let error = try JSONValue(parsing: Array(again.body.utf8))["error"]
                #expect(again.status == 409 && error?["code"] == "log.exists", "\(again)")
                #expect(error?["retryable"] == false)
                #expect(error?["message"]?.stringValue?.hasSuffix("/monday already; another name is needed") == true)
                try FileManager.default.createDirectory(
                    atPath: folder + "/backups/tuesday.partial", withIntermediateDirectories: false)
                #expect(try await make(#"{"name":"tuesday"}"#, admin).status == 409)
                #expect(try await make("", admin).status == 201)
                for body in ["[]", #"{"name":"../x"}"#, #"{"name":""}"#, #"{"name":1}"#, #"{"folder":"/x"}"#] {
                    #expect(try await make(body, admin).status == 400, "\(body)")
                }
                #expect(try await service.client.post("/v1/admin/backups", "", headers: admin).status == 404)
            }
            try await log.close()
        }
    }

    @Test func aLogInMemoryHasNone() async throws {
        try await withRunningService(configure: { configuration in
            configuration.internalAddress = InternalAddress(port: 0)
            configuration.backupFolder = "/nowhere"
        }) { service in
            let answer = try await #require(service.operators).post("/v1/admin/backups", "")
            #expect(answer.status == 400 && answer.body.contains("makes no backups"), "\(answer)")
        }
    }

    @Test(arguments: [
        "a", "monday", "2026-01-31T12-00-00.000Z", "A_b-c.1", String(repeating: "n", count: 100),
    ])
    func namesAreTaken(_ name: String) throws {
        #expect(try BackupRoute<BasicRequestContext>.name(in: Array(#"{"name":"\#(name)"}"#.utf8)) == name)
    }

    @Test(arguments: [
        "", ".", "..", ".hidden", "a/b", "a b", "x.partial", "ä", String(repeating: "n", count: 101), "a\\u0000b",
    ])
    func otherNamesAreRefused(_ name: String) {
        #expect(throws: ProtocolError.self) {
            try BackupRoute<BasicRequestContext>.name(in: Array(#"{"name":"\#(name)"}"#.utf8))
        }
    }

    @Test func withoutANameItIsTheTime() throws {
        #expect(try BackupRoute<BasicRequestContext>.name(in: Array(" \n".utf8)) == nil)
        #expect(try BackupRoute<BasicRequestContext>.name(in: Array("{}".utf8)) == nil)
        let name = BackupRoute<BasicRequestContext>.name(at: Timestamp(milliseconds: 1))
        #expect(name == "1970-01-01T00-00-00.001Z")
    }
}
