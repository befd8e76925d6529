import Foundation
import Testing

@testable import agent_events

#if canImport(Glibc)
    import Glibc
#endif

struct SystemNoticeTests {
    @Test func noticesAreLinesOfOneMessage() {
        #expect(SystemNotice.text([.ready, .status("listening\non x")]) == "READY=1\nSTATUS=listening on x")
        #expect(
            SystemNotice.text([.reloading(monotonicMicroseconds: 42)]) == "RELOADING=1\nMONOTONIC_USEC=42")
        #expect(SystemNotice.text([.stopping, .watchdog]) == "STOPPING=1\nWATCHDOG=1")
    }

    /// The environment stands over the file: a setting in the unit would be one that the file cannot change.
    @Test func theUnitLeavesAllSettingsToTheFile() throws {
        let unit = try MetricsTests.resource("agent-events.service")
        #expect(unit.contains("Type=notify-reload\n") && unit.contains("WatchdogSec="))
        #expect(unit.contains("serve --config /etc/agent-events.yaml\n"))
        #expect(!unit.contains(SettingTable.prefix))
        for line in unit.split(separator: "\n") where !line.hasPrefix("#") && !line.hasPrefix("[") {
            #expect(line.contains("="), "\(line)")
        }
    }

    /// The file that the handbook begins with has what a service under systemd needs, and nothing that there is not.
    @Test func theFirstFileHasSettingsThatThereAre() throws {
        let page = try MetricsTests.resource("../Operating.md")
        let command = try #require(page.split(separator: "\n").first { $0.hasPrefix("printf ") })
        let lines = command.matches(of: /'([a-z-]+: [^']+)'/).map { String($0.output.1) }
        let settings = try LayeredSettings(
            commandLine: ["--config", "/etc/agent-events.yaml"], environment: [:],
            read: { _ in lines.joined(separator: "\n") })
        for name in ["data", "internal-listen", "log-format"] { #expect(settings.values[name] != nil, "\(name)") }
        #expect(settings.values.keys.filter { $0 != "config" }.count == lines.count)
    }

    @Test func addresses() {
        #expect(SystemNotice.addressBytes("/run/x").map { String(decoding: $0, as: UTF8.self) } == "/run/x")
        #expect(SystemNotice.addressBytes("@x") == [0, UInt8(ascii: "x")])
        for text in ["", "x", "vsock:2:1", "/" + String(repeating: "x", count: 107)] {
            #expect(SystemNotice.addressBytes(text) == nil)
        }
    }

    @Test func theWatchdogIsToldTwiceInItsTime() {
        #expect(
            SystemNotice.watchdogInterval(["WATCHDOG_USEC": "3000000"], processIdentifier: 7) == .milliseconds(1500))
        let mine = ["WATCHDOG_USEC": "2", "WATCHDOG_PID": "7"]
        #expect(SystemNotice.watchdogInterval(mine, processIdentifier: 7) == .microseconds(1))
        #expect(SystemNotice.watchdogInterval(mine, processIdentifier: 8) == nil)
        for bad in ["", "0", "-1", "soon"] {
            #expect(SystemNotice.watchdogInterval(["WATCHDOG_USEC": bad], processIdentifier: 7) == nil)
        }
    }
}
