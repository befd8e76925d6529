import AgentEvents
import AgentEventsProtocol
import Logging
import Testing

@testable import AgentEventsHub

struct PrincipalTests {
    private static func allows(
        _ use: ThreadUse, _ principal: Principal, _ thread: ThreadID, _ owner: UserID?
    ) async throws -> Bool {
        let access = ThreadAccess(OwnershipAuthorizer(), environment: .system, logger: Logger(label: "test"))
        do throws(ProtocolError) {
            try await access.check(use, of: thread, owner: owner, by: principal)
            return true
        } catch {
            #expect(error.code == .threadUnknown || error.code == .scopeMissing)
            #expect((error.code == .scopeMissing) == !principal.scopes.contains(use.scope))
            return false
        }
    }

    private static let own = Principal(user: "u_1", scopes: [.read, .command])
    private static let listed = Principal(
        user: "u_1", scopes: [.read, .command],
        threads: .listed([ThreadAllowance(ThreadPattern("t_2")), ThreadAllowance(ThreadPattern("p-*"))]))

    @Test(
        arguments: [
            (own, "t_1", nil, true), (own, "t_1", "u_1", true), (own, "t_1", "u_2", false),
            (listed, "t_1", "u_1", true), (listed, "t_1", "u_2", false), (listed, "t_2", "u_2", true),
            (listed, "p-9", "u_2", true), (listed, "p", "u_2", false), (listed, "t_22", "u_2", false),
            (Principal(user: "u_1", threads: .all), "t_1", "u_2", true),
            (Principal(user: "u_1", scopes: [], threads: .all), "t_1", "u_1", false),
        ] as [(Principal, ThreadID, UserID?, Bool)])
    func readingAndCommandingTakeTheOwnerOrAGrant(
        _ principal: Principal, _ thread: ThreadID, _ owner: UserID?, _ isAllowed: Bool
    ) async throws {
        #expect(try await Self.allows(.read, principal, thread, owner) == isAllowed)
        #expect(try await Self.allows(.command, principal, thread, owner) == isAllowed)
    }

    @Test(
        arguments: [
            (own, "t_1", "u_1", false), (listed, "t_2", "u_1", false),
            (Principal(user: "u_1", scopes: [.emit]), "t_1", "u_2", true),
            (
                Principal(user: "u_1", scopes: [.emit], threads: .listed([ThreadAllowance(ThreadPattern("t_2"))])),
                "t_1", "u_2", false
            ),
            (
                Principal(user: "u_1", scopes: [.emit], threads: .listed([ThreadAllowance(ThreadPattern("t_2"))])),
                "t_2", "u_2", true
            ),
            (
                Principal(user: "u_1", scopes: [.emit], threads: .listed([ThreadAllowance(ThreadPattern("t_2"))])),
                "t_1", "u_1", true
            ),
            (Principal(user: "u_1", scopes: [.emit], threads: .all), "t_1", "u_2", true),
        ] as [(Principal, ThreadID, UserID, Bool)])
    func emittingTakesTheScope(
        _ principal: Principal, _ thread: ThreadID, _ user: UserID, _ isAllowed: Bool
    ) async throws {
        for owner in [user, nil] {
            let isUsable = try await Self.allows(.emit, principal, thread, owner)
            #expect((isUsable && principal.mayEmit(in: thread, as: user)) == isAllowed)
        }
    }

    @Test func withoutAuthenticationEverybodyIsTheLocalUser() async throws {
        let principal = try await NoAuthentication().authenticate(Credentials(token: nil, path: "/"))
        #expect(principal.user == "local")
        #expect(principal.mayEmit(in: "t", as: "u_9"))
        for use in ThreadUse.allCases {
            #expect(try await Self.allows(use, principal, "t", "u_9"))
            #expect(try await Self.allows(use, principal, "t", nil))
        }
    }

    @Test(
        arguments: [
            (nil, [], nil), ("Bearer abc", [], "abc"), ("bearer abc", ["bearer.def"], "abc"),
            ("Basic abc", [], nil), ("Bearer", [], nil), (nil, ["agent-events.v1", "bearer.d.e.f"], "d.e.f"),
        ] as [(String?, [String], String?)])
    func tokensAreFound(_ header: String?, _ subprotocols: [String], _ token: String?) {
        #expect(Credentials(authorization: header, subprotocols: subprotocols, path: "/").token == token)
    }
}
