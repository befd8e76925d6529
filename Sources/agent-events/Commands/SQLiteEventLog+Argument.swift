internal import AgentEventsSQLite
internal import ArgumentParser

extension SQLiteEventLog.Durability: ExpressibleByArgument {}
