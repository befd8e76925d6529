import NIOCore
import NIOPosix
import Synchronization

#if canImport(CDispatch)
    // The structures of files are this module's when it is seen first, as it is in an optimised build.
    import CDispatch
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The file of a unix socket, from before it is bound until the service ends.
///
/// The socket is bound in a folder of its own, into which nobody else can look, gets its permissions and its group there, and
/// is moved to its path then: at no time can a process connect that may not, and the path never names a socket on which nobody
/// listens. A process-wide umask would be that of files that others make at the same time.
final class UnixSocketFile: Sendable {
    let socket: UnixSocket
    /// The path at which the socket is bound.
    let temporaryPath: String
    private let folder: String
    private let outcome = Mutex(Outcome.none)

    private enum Outcome {
        case none
        case published(inode: UInt64)
        case failed(ServiceError)
    }

    /// The reason for which it is not published.
    var failure: ServiceError? {
        outcome.withLock { if case .failed(let error) = $0 { error } else { nil } }
    }

    init(_ socket: UnixSocket) {
        self.socket = socket
        let parent = socket.path.lastIndex(of: "/").map { String(socket.path[...$0]) } ?? ""
        folder = parent + ".ae" + String(UInt32.random(in: 0 ... .max), radix: 36)
        temporaryPath = folder + "/s"
    }

    /// Makes the folder to bind in, once it is clear that no other process listens at the path.
    ///
    /// - Throws: ``ServiceError``: `server.socket_in_use` when one does, `server.socket_invalid`.
    func prepare() async throws(ServiceError) {
        try await checkPath()
        guard mkdir(folder, 0o700) == 0 else { throw failure("its folder cannot be written to", errno) }
        do throws(ServiceError) {
            // What is refused for the folder is refused for the socket; found out now, before the service listens.
            try setGroup(of: folder)
        } catch {
            rmdir(folder)
            throw error
        }
    }

    private func checkPath() async throws(ServiceError) {
        var status = stat()
        guard lstat(socket.path, &status) == 0 else {
            if errno == ENOENT { return }
            throw failure("it cannot be looked at", errno)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ServiceError(
                .socketInvalid,
                "there is a file at \(socket.path) that is not a socket: remove it, or choose another path")
        }
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: socket.path).get()
            channel.close(promise: nil)
        } catch let error as IOError where error.errnoCode == ECONNREFUSED || error.errnoCode == ENOENT {
            // Left by a process that has ended: it is replaced.
            return
        } catch let error as IOError where error.errnoCode != EAGAIN {
            throw failure("it cannot be connected to", error.errnoCode)
        } catch {
            // Its backlog is full, or the connection takes its time: somebody listens.
        }
        throw ServiceError(
            .socketInUse, "another process listens on unix:\(socket.path): stop it, or choose another path")
    }

    /// Moves the socket, which is bound, to its path: from now on clients can connect.
    ///
    /// - Returns: whether it is there; ``failure`` says why not.
    func publish() -> Bool {
        do throws(ServiceError) {
            let inode = try move()
            outcome.withLock { $0 = .published(inode: inode) }
            return true
        } catch {
            outcome.withLock { $0 = .failed(error) }
            return false
        }
    }

    private func move() throws(ServiceError) -> UInt64 {
        guard chmod(temporaryPath, mode_t(socket.mode)) == 0 else { throw failure("it gets no permissions", errno) }
        try setGroup(of: temporaryPath)
        var status = stat()
        guard lstat(temporaryPath, &status) == 0, rename(temporaryPath, socket.path) == 0 else {
            throw failure("it cannot be put there", errno)
        }
        rmdir(folder)
        return UInt64(status.st_ino)
    }

    /// Removes what is left: the socket, unless another process has put its own there.
    func remove() {
        unlink(temporaryPath)
        rmdir(folder)
        var status = stat()
        let published: UInt64? = outcome.withLock { if case .published(let inode) = $0 { inode } else { nil } }
        guard let inode = published, lstat(socket.path, &status) == 0, UInt64(status.st_ino) == inode
        else { return }
        unlink(socket.path)
    }

    private func setGroup(of path: String) throws(ServiceError) {
        guard let name = socket.group else { return }
        guard let group = getgrnam(name) else {
            throw ServiceError(
                .socketInvalid, "there is no group \(name) on this machine for the socket \(socket.path)")
        }
        guard chown(path, uid_t.max, group.pointee.gr_gid) == 0 else {
            throw failure("it cannot be given to the group \(name), of which this process is not a member", errno)
        }
    }

    private func failure(_ problem: String, _ code: CInt) -> ServiceError {
        ServiceError(
            .socketInvalid, "no socket at \(socket.path): \(problem) (\(String(cString: strerror(code))))")
    }
}
