import AgentEvents
import AgentEventsProtocol
import AgentEventsTesting
import Logging
import Testing

@testable import AgentEventsHub

struct PrincipalTests {
    /// What the scopes allow is computed once, and once more when they change.
    @Test func scopesThatChangeCountAtOnce() {
        var principal = Principal(user: "u_1", scopes: [.read])
        let before = principal
        #expect(principal.mayAnywhere(.read) && !principal.mayAnywhere(.emit))
        principal.scopes = [.emit]
        #expect(!principal.mayAnywhere(.read) && principal.mayAnywhere(.emit))
        // A copy is a value of its own.
        #expect(before.scopes == [.read] && before.mayAnywhere(.read) && before != principal)
        principal.scopes = [.read]
        #expect(before == principal && before.hashValue == principal.hashValue)
    }

    private static func allows(
        _ use: ThreadUse, _ principal: Principal, _ thread: ThreadID, _ owner: UserID?
    ) async throws -> Bool {
        let access = ThreadAccess(OwnershipAuthorizer(), environment: .system, logger: Logger(label: "test"))
        do throws(ProtocolError) {
            try await access.check(use, of: thread, owner: owner, by: principal)
            return true
        } catch {
            #expect(error.code == .threadUnknown || error.code == .scopeMissing)
            #expect((error.code == .scopeMissing) == !principal.mayAnywhere(use))
            return false
        }
    }

    private static func listed(_ threads: String..., scopes: Set<Scope>? = nil) -> ThreadGrant {
        .listed(threads.map { ThreadAllowance(ThreadPattern($0), scopes: scopes) })
    }

    private static let own = Principal(user: "u_1")
    private static let listing = Principal(user: "u_1", threads: listed("t_2", "p-*"))

    @Test(
        arguments: [
            (own, "u_1~1", nil, true), (own, "t_1", "u_1", true), (own, "t_1", "u_2", false), (own, "t_1", nil, false),
            (listing, "t_1", "u_1", true), (listing, "t_1", "u_2", false), (listing, "t_2", "u_2", true),
            (listing, "p-9", "u_2", true), (listing, "p", "u_2", false), (listing, "t_22", "u_2", false),
            (Principal(user: "u_1", threads: .all), "t_1", "u_2", true),
            (Principal(user: "u_1", threads: .all), "t_1", nil, true),
            (Principal(user: "u_1", scopes: [], threads: .all), "t_1", "u_1", false),
            (Principal(user: "u_1", threads: listed("t_2"), isLimitedToThreads: true), "t_2", "u_2", true),
            (Principal(user: "u_1", threads: listed("t_2"), isLimitedToThreads: true), "t_1", "u_1", false),
            (Principal(user: "u_1", isLimitedToThreads: true), "t_1", "u_1", false),
        ] as [(Principal, ThreadID, UserID?, Bool)])
    func readingAndCommandingTakeTheOwnerOrAGrant(
        _ principal: Principal, _ thread: ThreadID, _ owner: UserID?, _ isAllowed: Bool
    ) async throws {
        // What has no event is not to be read, whoever may.
        if owner != nil { #expect(try await Self.allows(.read, principal, thread, owner) == isAllowed) }
        #expect(try await Self.allows(.command, principal, thread, owner) == isAllowed)
    }

    private static func emitter(_ threads: ThreadGrant = .own, as users: UserGrant = .nobody) -> Principal {
        Principal(user: "u_1", scopes: [.emit], threads: threads, actsAs: users)
    }

    @Test(
        arguments: [
            (own, "t_1", "u_1", false, false), (listing, "t_2", "u_1", false, false),
            (emitter(), "t_1", "u_1", true, false), (emitter(), "u_1~x", "u_1", true, false),
            (emitter(), "t_1", "u_2", false, false), (emitter(listed("t_2")), "t_2", "u_2", false, false),
            (emitter(listed("t_2")), "t_1", "u_1", true, false),
            (emitter(as: .listed(["u_2"])), "t_1", "u_2", true, true),
            (emitter(as: .listed(["u_2"])), "t_1", "u_1", true, true),
            (emitter(as: .listed(["u_2"])), "t_1", "u_3", false, false),
            (emitter(listed("t_2"), as: .listed(["u_2"])), "t_2", "u_2", true, true),
            (emitter(.all, as: .everybody), "t_1", "u_2", true, true),
            (emitter(as: .everybody), "t_1", "u_2", true, true),
            (emitter(.all), "t_1", "u_2", false, false), (emitter(as: .listed([])), "t_1", "u_1", true, false),
            (Principal(user: "u_1", scopes: [.emit, .open]), "u_1~x", "u_1", true, true),
        ] as [(Principal, ThreadID, UserID, Bool, Bool)])
    func emittingTakesTheScopeAndForOthersTheRightToActAsThem(
        _ principal: Principal, _ thread: ThreadID, _ user: UserID, _ isAllowed: Bool, _ opens: Bool
    ) async throws {
        for (owner, expected) in [(user, isAllowed), (nil, opens)] as [(UserID?, Bool)] {
            let isUsable = try await Self.allows(.emit, principal, thread, owner)
            #expect((isUsable && principal.mayEmit(as: user)) == expected, "\(owner?.rawValue ?? "nobody")")
        }
    }

    /// `command` contains `approve`, in the scopes and in what an authorizer says.
    @Test(
        arguments: [
            ([.command], nil, true), ([.approve], nil, true), ([.read, .emit], nil, false),
            ([.command, .approve], [.approve], true), ([.command], [.approve], true), ([.approve], [.command], true),
            ([.command], [.read], false), ([.read], [.approve], false),
        ] as [(Set<Scope>, Set<Scope>?, Bool)])
    func answeringTakesApproveOrCommand(_ scopes: Set<Scope>, _ granted: Set<Scope>?, _ isAllowed: Bool) async throws {
        let principal = Principal(
            user: "u_1", scopes: scopes, threads: Self.listed("t_2", scopes: granted))
        #expect(try await Self.allows(.approve, principal, "t_2", "u_2") == isAllowed)
        let mayCommand = scopes.contains(.command) && granted?.contains(.command) ?? true
        #expect(try await Self.allows(.command, principal, "t_2", "u_2") == mayCommand)
    }

    /// Whatever is granted, by whomever: no right without its scope, none outside the list of credentials that are limited to
    /// it, and none that nobody gave.
    @Test func rightsAreNeverMoreThanTheScopesAndTheGrants() async throws {
        var random = SeededGenerator(seed: 39)
        let scopes: [Scope] = Scope.allCases
        func some() -> Set<Scope> { Set(scopes.filter { _ in Bool.random(using: &random) }) }
        for _ in 0..<2000 {
            let allowances = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                ThreadAllowance(
                    ThreadPattern(["t_1", "t_2", "t_*"].randomElement(using: &random) ?? ""),
                    scopes: Bool.random(using: &random) ? nil : some())
            }
            let principal = Principal(
                user: "u_1", scopes: some(), threads: .listed(allowances),
                isLimitedToThreads: Bool.random(using: &random),
                actsAs: Bool.random(using: &random) ? .nobody : .listed(["u_2"]))
            let owner: UserID? = [nil, "u_1", "u_2", "u_3"].randomElement(using: &random) ?? nil
            for use in ThreadUse.allCases {
                let needed: Set<Scope> =
                    switch use {
                    case .read: [.read]
                    case .emit: [.emit]
                    case .command: [.command]
                    case .approve: [.approve, .command]
                    case .share: [.share]
                    }
                let isGranted = allowances.contains { allowance in
                    allowance.pattern.description != "t_2" && allowance.scopes?.isDisjoint(with: needed) != true
                }
                let isOwn = owner == "u_1" || owner == nil
                let isBacked = use == .emit && owner == "u_2" && principal.actsAs != .nobody
                let isAllowed = try await Self.allows(use, principal, "t_1", owner)
                if isAllowed {
                    #expect(!principal.scopes.isDisjoint(with: needed))
                    #expect(isGranted || (!principal.isLimitedToThreads && (isOwn || isBacked)))
                }
                if owner != nil, isGranted || (!principal.isLimitedToThreads && (isOwn || isBacked)) {
                    #expect(isAllowed == !principal.scopes.isDisjoint(with: needed))
                }
            }
        }
    }

    /// The id of one user may begin with that of another, and continue where the other's ends.
    @Test func noIDCanBeChosenByTwoUsers() {
        let users: [UserID] = ["u", "u~", "u~a", "~", "u_1", "u_"]
        for id in ["u~", "u~x", "u~a~x", "u~~x", "~x", "~~x", "u_1~x", "u_~x", "u"] as [ThreadID] {
            let owners = users.filter { Principal(user: $0).mayChoose(id) }
            #expect(owners.count <= 1, "\(id): \(owners)")
        }
        #expect(Principal(user: "u").mayChoose("u~a~x"))
        #expect(!Principal(user: "u").mayChoose("U~a"))
        #expect(!Principal(user: "u", actsAs: .listed([])).mayChoose("t_1"))
        #expect(Principal(user: "u", actsAs: .listed(["u"])).mayChoose("t_1"))
    }

    @Test func withoutAuthenticationEverybodyIsTheLocalUser() async throws {
        let principal = try await NoAuthentication().authenticate(Credentials(token: nil, path: "/"))
        #expect(principal.user == "local")
        #expect(principal.mayEmit(as: "u_9"))
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
