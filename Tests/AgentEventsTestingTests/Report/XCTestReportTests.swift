#if os(Linux)
    import AgentEventsTesting
    import Testing
    import XCTest

    /// The one test that is run by XCTest: what the kit reports is a failure there, too.
    final class XCTestReportTests: XCTestCase {
        func testAFailedExpectationFailsATestOfXCTest() {
            // Run on its own, so that its failure is counted here and fails nothing else.
            let test = XCTestCase(name: "expected to fail") { _ in
                expectEvents(in: []) { .agentStarted() }
                expectEvents(in: []) {}
            }
            test.run()
            XCTAssertEqual(test.testRun?.totalFailureCount, 1)
        }
    }
#endif
