import AgentEvents
import AgentEventsClient
import AgentEventsServer
import Foundation
import NIOCore
import NIOPosix
import Testing

@Suite(.timeLimit(.minutes(10))) struct UnixSocketTests {
    private static let draft = EventDraft(.custom(CustomEvent(name: "n", value: 1)))

    private static func client(_ path: String) throws -> StreamClient {
        var configuration = ClientConfiguration()
        // For what hangs, and not for what is slow.
        configuration.connectTimeout = .seconds(300)
        return StreamClient(url: try StreamURL("unix:\(path)"), configuration: configuration)
    }

    private static func failure(_ socket: UnixSocket) async -> ServiceError? {
        do {
            try await withRunningService(configure: { $0.listener.unixSocket = socket }) { _ in }
            return nil
        } catch {
            return error as? ServiceError
        }
    }

    private static func mode(of path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test(arguments: [0o660 as UInt16, 0o600, 0o666])
    func eventsGoOverAUnixSocketThatHasItsPermissions(_ mode: UInt16) async throws {
        try await withTestFolder { folder in
            let path = folder + "/s"
            try await withRunningService(configure: { $0.listener.unixSocket = UnixSocket(path: path, mode: mode) }) {
                _ in
                #expect(try Self.mode(of: path) == Int(mode))
                // The folder in which it was bound is gone.
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["s"])
                let client = try Self.client(path)
                let cursors = try await client.emit([Self.draft], thread: "t_1")
                #expect(cursors == [Cursor(generation: 1, sequence: 1)])
            }
            // The service has removed it.
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test func aSocketOnWhichSomebodyListensIsNotTaken() async throws {
        try await withTestFolder { folder in
            let socket = UnixSocket(path: folder + "/s")
            try await withRunningService(configure: { $0.listener.unixSocket = socket }) { _ in
                let error = try #require(await Self.failure(socket))
                #expect(error.code == .socketInUse)
                #expect(error.message.contains(socket.path))
                // It still serves, and nothing is left of the other one.
                let client = try Self.client(socket.path)
                #expect(try await client.emit([Self.draft], thread: "t_1").count == 1)
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["s"])
            }
        }
    }

    @Test func aSocketThatNobodyListensOnIsReplaced() async throws {
        try await withTestFolder { folder in
            let path = folder + "/s"
            // As a process leaves it that is killed; SwiftNIO removes the path at which it has bound.
            let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(unixDomainSocketPath: folder + "/bound").get()
            try FileManager.default.moveItem(atPath: folder + "/bound", toPath: path)
            try await channel.close()
            #expect(FileManager.default.fileExists(atPath: path))
            try await withRunningService(configure: { $0.listener.unixSocket = UnixSocket(path: path) }) { _ in
                let client = try Self.client(path)
                #expect(try await client.emit([Self.draft], thread: "t_1").count == 1)
            }
        }
    }

    @Test func aFileIsNotReplaced() async throws {
        try await withTestFolder { folder in
            let path = folder + "/s"
            try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
            #expect(await Self.failure(UnixSocket(path: path))?.code == .socketInvalid)
            #expect(FileManager.default.contents(atPath: path) == Data("mine".utf8))
        }
    }

    @Test func placesWhereThereCanBeNoSocketAreRefused() async throws {
        try await withTestFolder { folder in
            let places = [
                UnixSocket(path: folder + "/no/such/folder/s"),
                UnixSocket(path: folder + "/" + String(repeating: "./", count: 60) + "s"),
                UnixSocket(path: folder + "/s", group: "no-such-group-here"),
            ]
            for socket in places {
                let error = try #require(await Self.failure(socket))
                #expect(error.code == .socketInvalid, "\(error)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test func aSocketOfAnotherServiceIsNotRemovedAtTheEnd() async throws {
        try await withTestFolder { folder in
            let path = folder + "/s"
            try await withRunningService(configure: { $0.listener.unixSocket = UnixSocket(path: path) }) { _ in
                try FileManager.default.removeItem(atPath: path)
                try Data("another".utf8).write(to: URL(fileURLWithPath: path))
            }
            #expect(FileManager.default.contents(atPath: path) == Data("another".utf8))
        }
    }
}
