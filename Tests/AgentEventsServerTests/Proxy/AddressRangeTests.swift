import AgentEventsServer
import Testing

@Suite struct AddressRangeTests {
    @Test(arguments: [
        ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], ["9.255.255.255", "11.0.0.0", "::1"]),
        ("192.0.2.7", ["192.0.2.7"], ["192.0.2.6", "192.0.2.8"]),
        ("192.0.2.4/30", ["192.0.2.4", "192.0.2.7"], ["192.0.2.3", "192.0.2.8"]),
        ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::", "::1"]),
        ("2001:db8::/32", ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"], ["2001:db9::", "32.1.13.184"]),
        ("2001:db8::/64", ["2001:db8::1"], ["2001:db8:0:1::1"]),
        ("2001:db8::8/125", ["2001:db8::8", "2001:db8::f"], ["2001:db8::7", "2001:db8::10"]),
        ("::1", ["::1"], ["::", "::2", "127.0.0.1"]),
        ("::/0", ["::", "ffff::"], ["1.2.3.4"]),
    ])
    func aNetworkHasItsAddresses(text: String, inside: [String], outside: [String]) throws {
        let range = try AddressRange(text)
        for address in inside { #expect(range.contains(try #require(ClientAddress(address))), "\(address)") }
        for address in outside { #expect(!range.contains(try #require(ClientAddress(address))), "\(address)") }
        for other in [ClientAddress.unix, .unknown] { #expect(!range.contains(other)) }
        #expect(range.description == text)
    }

    @Test func theProcessesOfThisMachineAreANetworkToo() throws {
        let range = try AddressRange("unix")
        #expect(range.contains(.unix))
        for other in [ClientAddress.unknown, .ipv4(0), .ipv6(network: 0, interface: 1)] {
            #expect(!range.contains(other))
        }
    }

    @Test(arguments: [
        "", "localhost", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.1/8", "10.0.0.0/+8",
        "::/129",
        "2001:db8::1/64", "2001:db8:0:0:1::/64", "[::1]", "unix:/run/x", "UNIX", "unknown", "10.0.0.0/0008",
    ])
    func whatIsNoNetworkIsRefused(text: String) {
        let error = #expect(throws: ServiceError.self) { try AddressRange(text) }
        #expect(error?.code == .listenerInvalid)
    }
}
