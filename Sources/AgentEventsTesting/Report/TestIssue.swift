import Testing

#if canImport(XCTest)
    import XCTest
#endif

/// An issue that is reported to the running test, whichever library runs it.
///
/// Swift Testing does not pass its issues on to XCTest before Swift 6.4: a failure would be lost, and the test pass.
enum TestIssue {
    static func record(_ message: String, _ sourceLocation: SourceLocation) {
        recordForXCTest(message, sourceLocation)
        Issue.record(Comment(rawValue: message), sourceLocation: sourceLocation)
    }

    /// Reports an issue and throws, which ends the test.
    static func stop(_ message: String, _ sourceLocation: SourceLocation) throws {
        recordForXCTest(message, sourceLocation)
        // An error that Swift Testing does not report a second time.
        let isAsExpected = false
        try #require(isAsExpected, Comment(rawValue: message), sourceLocation: sourceLocation)
    }

    private static func recordForXCTest(_ message: String, _ sourceLocation: SourceLocation) {
        #if canImport(XCTest) && compiler(<6.4)
            // Does nothing where no test of XCTest runs.
            guard Test.current == nil else { return }
            // It takes no path that was not written in the source, so the place stands in the message.
            XCTFail("\(sourceLocation.filePath):\(sourceLocation.line): \(message)")
        #endif
    }
}
