import GRDB

/// The tables, and how an older file becomes a newer one.
///
/// A file's events are in `block` alone, in the order of their commits. Everything per thread is written in bulk, long
/// after its events, so that the fast path has one append-only table.
enum LogSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE block (
                        id INTEGER PRIMARY KEY, generation INTEGER NOT NULL, body BLOB NOT NULL
                    );
                    CREATE TABLE thread (
                        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, user TEXT NOT NULL,
                        generation INTEGER NOT NULL
                    );
                    CREATE TABLE chunk (
                        thread INTEGER NOT NULL, last_sequence INTEGER NOT NULL, last_generation INTEGER NOT NULL,
                        body BLOB NOT NULL, PRIMARY KEY (thread, last_sequence)
                    ) WITHOUT ROWID;
                    CREATE TABLE open_run (
                        thread INTEGER NOT NULL, sequence INTEGER NOT NULL, run TEXT NOT NULL,
                        PRIMARY KEY (thread, sequence)
                    ) WITHOUT ROWID;
                    CREATE TABLE keyed (
                        number INTEGER PRIMARY KEY, time INTEGER NOT NULL, thread INTEGER NOT NULL, key TEXT NOT NULL,
                        generation INTEGER NOT NULL, sequence INTEGER NOT NULL, count INTEGER NOT NULL,
                        UNIQUE (thread, key)
                    );
                    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
                    INSERT INTO meta VALUES ('generation', 0), ('indexed_through', 0);
                    """
            )
        }
        return migrator
    }
}
