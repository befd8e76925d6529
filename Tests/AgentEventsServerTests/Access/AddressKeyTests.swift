import AgentEventsHub
import Testing

@testable import AgentEventsServer

struct AddressKeyTests {
    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.8", false), ("192.0.2.7", "::ffff:192.0.2.7", true),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true), ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
        ("127.0.0.1", "::1", true), ("::1", "::2", false),
    ])
    func addressesAreCountedAsTheirClientHasThem(_ one: String, _ other: String, _ isSame: Bool) throws {
        let keys = try [one, other].map { try AddressKey(#require(ClientAddress($0))) }
        #expect((keys[0] == keys[1]) == isSame)
    }

    @Test func addressesOfThisMachineAreKnown() throws {
        #expect(AddressKey(ClientAddress.unknown) == nil && AddressKey(ClientAddress.unix) == nil)
        for (text, isLoopback) in [("127.9.9.9", true), ("::1", true), ("128.0.0.1", false), ("fe80::1", false)] {
            #expect(try AddressKey(#require(ClientAddress(text)))?.isLoopback == isLoopback)
        }
    }
}
