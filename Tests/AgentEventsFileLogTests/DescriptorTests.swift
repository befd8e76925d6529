import AgentEvents
import AgentEventsFiles
import Foundation
import Testing

@testable import AgentEventsFileLog

#if canImport(Glibc)
    import Glibc
#endif

/// A process that has run out of descriptors, as clients can make it.
@Suite struct DescriptorTests {
    #if canImport(Glibc)
        /// In a process of its own, which the limit is for.
        @Test func aLogGoesOnWithoutFreeDescriptors() async {
            await #expect(processExitsWith: .success) {
                try await withTemporaryFolder { folder in
                    var configuration = FileEventLog.Configuration()
                    configuration.segmentByteCount = 4000
                    configuration.threadsInMemory = 2
                    configuration.indexUpdateCount = 2
                    configuration.chunkReferenceCount = 3
                    let log = FileEventLog(path: folder + "/log", configuration: configuration)
                    _ = try await log.open()
                    for sequence in 1...50 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
                    _ = try await log.read(LogRead(.all(afterOffset: 0), maximumByteCount: .max))
                    var limit = rlimit()
                    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                    limit.rlim_cur = min(limit.rlim_max, 200)
                    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                    var taken: [CInt] = []
                    while true {
                        let number = open("/dev/null", O_RDONLY)
                        guard number >= 0 else { break }
                        taken.append(number)
                    }
                    // Threads that are new, and some that are no longer in memory.
                    for sequence in 51...80 {
                        try await log.append(commit(UInt64(sequence), generation: 1, size: 1000))
                        let thread = ThreadID(stringLiteral: "t_\(sequence)")
                        try await log.append(commit(1, of: thread, generation: 1, size: 1000))
                        // Others are quicker to take what the log gives free.
                        while case let number = open("/dev/null", O_RDONLY), number >= 0 { taken.append(number) }
                    }
                    for number in taken { close(number) }
                    let page = try await log.read(LogRead(.all(afterOffset: 0), maximumByteCount: .max))
                    guard page.events.count == 110 else { exit(2) }
                    try await log.close()
                }
            }
        }

        /// A file that was begun half-way would be in the way of the next attempt.
        @Test func aFileIsBegunOnceThereAreDescriptors() async {
            await #expect(processExitsWith: .success) {
                try await withTemporaryFolder { folder in
                    var limit = rlimit()
                    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                    limit.rlim_cur = min(limit.rlim_max, 200)
                    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                    for free in 0...1 {
                        let blocks = SegmentFolder(path: folder, in: RealFileSystem())
                        var taken: [CInt] = []
                        while case let number = open("/dev/null", O_RDONLY), number >= 0 { taken.append(number) }
                        for number in taken.suffix(free) { close(number) }
                        taken.removeLast(free)
                        do throws(FileError) {
                            _ = try blocks.begin("a_\(free)")
                            exit(2)
                        } catch {
                            guard error.kind == .tooManyOpenFiles else { exit(3) }
                        }
                        for number in taken { close(number) }
                        _ = try blocks.begin("a_\(free)")
                        blocks.close()
                    }
                }
            }
        }
    #endif
}
