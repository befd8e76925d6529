/// A call to a file system that failed.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// There is no room: on the disk, in the quota, or in the size that a file may have.
        case full
        /// The file or its folder cannot be written by this process.
        case readOnly
        case missing
        case exists
        /// The process, or the machine, has too many open files.
        case tooManyOpenFiles
        /// A file cannot have a second name there: on another disk, or where the file system has no such names.
        case cannotLink
        /// Another holder has the lock.
        case locked
        case other
    }

    package var kind: Kind
    /// The reason in the words of the system.
    package var description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
