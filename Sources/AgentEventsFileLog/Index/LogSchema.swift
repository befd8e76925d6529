import GRDB

/// The tables of the index, and how an older file becomes a newer one.
///
/// The events are in the blocks alone. Everything here is written in bulk, long after its events, and says nothing that
/// the blocks do not say (`run` leads from the id of a run to the chunks in which it starts; `card` and `listed` are what a
/// reader made of the blocks up to `listed_through`, ``CardDatabase``), except for `state`, and for what was trimmed: the threads of blocks that are gone, from where on threads are kept, and where blocks are
/// missing (`removed`: from a position to after the last event, a log offset). `meta` has the generation, up to where
/// the blocks are in the index, and where those of the last opening begin.
///
/// Every row has a checksum (``RowChecksum``). A row that SQLite no longer finds, because its own tree is damaged, is
/// missed in silence; `PRAGMA integrity_check` finds that.
enum LogSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("index of blocks AEB2") { database in
            try database.execute(
                sql: """
                    CREATE TABLE thread (
                        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, user TEXT NOT NULL,
                        oldest_generation INTEGER NOT NULL, oldest_sequence INTEGER NOT NULL, checksum INTEGER NOT NULL
                    );
                    CREATE TABLE chunk (
                        thread INTEGER NOT NULL, last_sequence INTEGER NOT NULL, last_generation INTEGER NOT NULL,
                        body BLOB NOT NULL, PRIMARY KEY (thread, last_sequence)
                    ) WITHOUT ROWID;
                    CREATE TABLE open_run (
                        thread INTEGER NOT NULL, sequence INTEGER NOT NULL, run TEXT NOT NULL, checksum INTEGER NOT NULL,
                        PRIMARY KEY (thread, sequence)
                    ) WITHOUT ROWID;
                    CREATE TABLE keyed (
                        number INTEGER PRIMARY KEY, time INTEGER NOT NULL, thread INTEGER NOT NULL, key TEXT NOT NULL,
                        generation INTEGER NOT NULL, sequence INTEGER NOT NULL, count INTEGER NOT NULL,
                        gaps BLOB NOT NULL, checksum INTEGER NOT NULL, UNIQUE (thread, key)
                    );
                    CREATE TABLE state (
                        kind TEXT NOT NULL, thread TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,
                        checksum INTEGER NOT NULL, PRIMARY KEY (kind, thread, name)
                    ) WITHOUT ROWID;
                    CREATE TABLE meta (
                        name TEXT PRIMARY KEY, value INTEGER NOT NULL, checksum INTEGER NOT NULL
                    ) WITHOUT ROWID;
                    CREATE TABLE removed (
                        start INTEGER PRIMARY KEY, through INTEGER NOT NULL, checksum INTEGER NOT NULL
                    );
                    """
            )
            for name in ["generation", "indexed_through", "last_start"] {
                try LogDatabase.setMeta(name, to: 0, in: database)
            }
        }
        // The starts of runs that are hosted outside come with blocks AEB3.
        migrator.registerMigration("who hosts a run") { database in
            try database.execute(sql: "ALTER TABLE open_run ADD COLUMN outside INTEGER NOT NULL DEFAULT 0")
        }
        // Keys of an earlier version have none.
        migrator.registerMigration("digests of keys, blocks AEB3") { database in
            try database.execute(sql: "ALTER TABLE keyed ADD COLUMN digest BLOB")
        }
        migrator.registerMigration("runs by their ids") { database in
            try RunDatabase.createTable(in: database)
        }
        // Part of the keys, and never of an id. All that was there is of the default one. The columns of a key come first, and in
        // its order: SQLite before 3.41 takes others for damaged.
        migrator.registerMigration("tenants") { database in
            try database.execute(
                sql: """
                    CREATE TABLE tenant_thread (
                        number INTEGER PRIMARY KEY, id TEXT NOT NULL, user TEXT NOT NULL,
                        oldest_generation INTEGER NOT NULL, oldest_sequence INTEGER NOT NULL, checksum INTEGER NOT NULL,
                        tenant TEXT NOT NULL, UNIQUE (tenant, id)
                    );
                    INSERT INTO tenant_thread
                        SELECT number, id, user, oldest_generation, oldest_sequence, checksum, 'default' FROM thread;
                    DROP TABLE thread;
                    ALTER TABLE tenant_thread RENAME TO thread;
                    CREATE TABLE tenant_state (
                        tenant TEXT NOT NULL, kind TEXT NOT NULL, thread TEXT NOT NULL, name TEXT NOT NULL,
                        value BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (tenant, kind, thread, name)
                    ) WITHOUT ROWID;
                    INSERT INTO tenant_state SELECT 'default', kind, thread, name, value, checksum FROM state;
                    DROP TABLE state;
                    ALTER TABLE tenant_state RENAME TO state;
                    """
            )
        }
        // Records of no thread come into blocks with it, which an earlier version takes for damage: it refuses the index.
        migrator.registerMigration("deleted threads") { database in
            try DeletionDatabase.createTable(in: database)
        }
        migrator.registerMigration("tenants of deleted threads") { database in
            try DeletionDatabase.addTenants(in: database)
        }
        migrator.registerMigration("cards of threads") { database in
            try CardDatabase.createTables(in: database)
        }
        return migrator
    }
}
