import AgentEvents
import Testing

@testable import AgentEventsHub

/// Which credentials are revoked: every subject against every token, and the life of a revocation.
struct RevocationStateMachineTests {
    private typealias Subject = StoredRevocation.Subject

    private static func time(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1000) }

    private static func machine(maximumCount: Int = 10) -> RevocationStateMachine {
        RevocationStateMachine(maximumCount: maximumCount, lifetime: .seconds(100))
    }

    private static func token(
        _ id: String? = "j_1", key: String? = "k_1", issuer: String? = "i_1", at seconds: Int64? = 10
    ) -> TokenIdentity {
        TokenIdentity(issuer: issuer, key: key, id: id, issuedAt: seconds.map(time))
    }

    @Test(
        arguments: [
            // subject, token, whether it is revoked
            (.token("j_1"), token(), true), (.token("j_2"), token(), false), (.token("j_1"), token(nil), false),
            (.token("j_1"), nil, false),
            (.key(issuer: "i_1", id: "k_1"), token(), true), (.key(issuer: "i_2", id: "k_1"), token(), false),
            // Without an issuer it is the key of every issuer.
            (.key(issuer: nil, id: "k_1"), token(), true), (.key(issuer: nil, id: "k_1"), token(issuer: nil), true),
            (.key(issuer: nil, id: "k_2"), token(), false),
            (.key(issuer: "i_1", id: "k_2"), token(), false), (.key(issuer: "i_1", id: "k_1"), token(key: nil), false),
            (.user("u_1"), token(at: 49), true), (.user("u_1"), token(at: 50), false),
            (.user("u_1"), token(at: 51), false), (.user("u_2"), token(at: 49), false),
            // One that does not say when it was issued may be old.
            (.user("u_1"), token(at: nil), true), (.user("u_1"), nil, true),
        ] as [(StoredRevocation.Subject, TokenIdentity?, Bool)])
    func eachSubjectRevokesItsTokens(subject: StoredRevocation.Subject, token: TokenIdentity?, isRevoked: Bool) {
        var machine = Self.machine()
        let before = machine.revokes(token, of: "u_1", at: Self.time(60))
        #expect(!before)
        var issuedBefore: Timestamp?
        if case .user = subject { issuedBefore = Self.time(50) }
        _ = machine.revoke(subject, issuedBefore: issuedBefore, at: Self.time(60))
        let after = machine.revokes(token, of: "u_1", at: Self.time(60))
        #expect(after == isRevoked)
        let late = machine.revokes(token, of: "u_1", at: Self.time(160))
        #expect(!late, "no token lives as long")
    }

    @Test func itCountsAtOnceAndIsStoredUntilItIs() {
        var machine = Self.machine()
        let stored = StoredRevocation(.token("j_1"), until: Self.time(160))
        for _ in 0..<2 {
            let action = machine.revoke(.token("j_1"), at: Self.time(60))
            #expect(action == .save(stored, removing: []))
            #expect(machine.revokes(Self.token(), of: "u_1", at: Self.time(60)))
        }
        machine.saved(stored)
        let again = machine.revoke(.token("j_1"), at: Self.time(60))
        #expect(again == .unchanged)
        // It lives longer, and has to be stored again.
        let later = machine.revoke(.token("j_1"), at: Self.time(61))
        #expect(later == .save(StoredRevocation(.token("j_1"), until: Self.time(161)), removing: []))
        // The answer to the earlier one.
        machine.saved(stored)
        let last = machine.revoke(.token("j_1"), at: Self.time(61))
        #expect(last != .unchanged)
    }

    /// Nobody gets credentials back by a second revocation.
    @Test func anEarlierTimeTakesNothingBack() {
        var machine = Self.machine()
        _ = machine.revoke(.user("u_1"), issuedBefore: Self.time(50), at: Self.time(60))
        let action = machine.revoke(.user("u_1"), issuedBefore: Self.time(40), at: Self.time(61))
        #expect(
            action
                == .save(
                    StoredRevocation(.user("u_1"), issuedBefore: Self.time(50), until: Self.time(161)), removing: []))
        #expect(machine.revokes(Self.token(at: 45), of: "u_1", at: Self.time(61)))
        // A time that is yet to come has a life from then on.
        let future = machine.revoke(.user("u_1"), issuedBefore: Self.time(100), at: Self.time(62))
        #expect(
            future
                == .save(
                    StoredRevocation(.user("u_1"), issuedBefore: Self.time(100), until: Self.time(200)), removing: []))
    }

    @Test func asManyCountAsMayAndThoseThatHaveEndedMakeRoom() {
        var machine = Self.machine(maximumCount: 2)
        for id in ["j_1", "j_2"] { _ = machine.revoke(.token(id), at: Self.time(60)) }
        let third = machine.revoke(.token("j_3"), at: Self.time(61))
        #expect(third == .reject)
        let known = machine.revoke(.token("j_2"), at: Self.time(61))
        #expect(known != .reject)
        let later = machine.revoke(.token("j_3"), at: Self.time(160))
        #expect(
            later
                == .save(
                    StoredRevocation(.token("j_3"), until: Self.time(260)),
                    removing: [StoredRevocation(.token("j_1"), until: Self.time(160))]))
        #expect(machine.count == 2)
    }

    @Test func whatWasStoredCountsAfterAStart() {
        var machine = Self.machine()
        _ = machine.revoke(.user("u_2"), issuedBefore: Self.time(70), at: Self.time(70))
        let ended = StoredRevocation(.token("j_9"), until: Self.time(70))
        let result = machine.loaded(
            [
                StoredRevocation(.token("j_1"), until: Self.time(150)), ended,
                StoredRevocation(.user("u_2"), issuedBefore: Self.time(50), until: Self.time(150)),
            ], at: Self.time(70))
        #expect(result == [ended])
        #expect(machine.revokes(Self.token(), of: "u_1", at: Self.time(70)))
        #expect(!machine.revokes(Self.token("j_9"), of: "u_1", at: Self.time(70)))
        // What was revoked meanwhile is more.
        #expect(machine.revokes(Self.token(nil, key: nil, at: 69), of: "u_2", at: Self.time(70)))
    }

    @Test(arguments: [
        StoredRevocation(.token("a\"b"), until: time(7)), StoredRevocation(.key(issuer: nil, id: "k"), until: time(7)),
        StoredRevocation(.key(issuer: "i", id: "k"), until: time(7)),
        StoredRevocation(.user("u_1"), issuedBefore: time(5), until: time(7)),
    ])
    func aRevocationIsReadAsItWasStored(_ revocation: StoredRevocation) {
        #expect(StoredRevocation(revocation.bytes) == revocation)
        #expect(revocation.name.utf8.count == 64)
    }

    @Test(arguments: [
        "", "{}", "[]", #"{"token_id":"j"}"#, #"{"until":"1970-01-01T00:00:07.000Z"}"#,
        #"{"user":"u_1","until":"1970-01-01T00:00:07.000Z"}"#, #"{"token_id":"j","until":7}"#,
    ])
    func whatIsNoRevocationIsNotRead(_ text: String) { #expect(StoredRevocation(Array(text.utf8)) == nil) }
}
